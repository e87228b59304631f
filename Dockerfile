# The project lies at the same path in both stages: it is installed in place, so that the
# migrations beside the package are found.
FROM python:3.13-slim AS build
WORKDIR /srv/twelveweeks
RUN python -m venv /opt/venv
COPY requirements/run.txt requirements/build.txt requirements/
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes \
    -r requirements/build.txt -r requirements/run.txt
COPY pyproject.toml alembic.ini ./
COPY app app
COPY migrations migrations
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e . \
    && /opt/venv/bin/pip uninstall --yes setuptools pip

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/twelveweeks --create-home twelveweeks \
    && install -d -m 700 -o twelveweeks /etc/twelveweeks
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/twelveweeks /srv/twelveweeks
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TWELVEWEEKS_HOST=0.0.0.0 \
    TWELVEWEEKS_PORT=8000 \
    TWELVEWEEKS_DATABASE_URL=sqlite:////var/lib/twelveweeks/twelveweeks.db \
    TWELVEWEEKS_KEY_FILE=/etc/twelveweeks/master.key
USER twelveweeks
WORKDIR /var/lib/twelveweeks
# Two volumes, to be kept and backed up apart: the data, and the keys that open it.
VOLUME /var/lib/twelveweeks /etc/twelveweeks
EXPOSE 8000
STOPSIGNAL SIGTERM
# The certificate is not looked at: it is this very container that is asked.
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-c", \
    "import os, ssl, urllib.request as r; e = os.environ; s = 's' if e.get('TWELVEWEEKS_TLS_CERTIFICATE') else ''; r.urlopen(f\"http{s}://127.0.0.1:{e['TWELVEWEEKS_PORT']}/healthz\", timeout=2, context=ssl._create_unverified_context() if s else None)"]
# Answers other machines over HTTPS only, and a published port is another machine's: with
# `--publish 127.0.0.1:8000:8000` add `--env TWELVEWEEKS_PLAIN_HTTP=allow`, else see "Other machines"
# in the README.
CMD ["twelveweeks", "serve"]
