"""A clinic whose service makes tokens, and takes those of a real issuer beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from httpx2 import Response
from joserfc.jwk import ECKey

from app.db.engine.engine import Database
from app.db.engine.scope import NONE
from app.db.keys.keyring import Keyring
from app.db.models import Staff
from app.db.rows.access import StaffValues
from app.edge.auth.outgoing import Outgoing
from app.main import create_app
from app.services import records
from app.services.access import signing_keys
from app.settings import Settings
from tests.support.app_client import AppClient
from tests.support.clinic import NOW, UNLIMITED, Clinic, Moment
from tests.support.issuer import Issuer, certificate, ec_key, public, rsa_key, signed, to_loopback

URL = "https://twelveweeks.example.org"
ENDPOINT = f"{URL}/oauth/token"
ISS = "https://login.example.org/realms/clinic"
AUD = "https://api.example.org"
AT = int(NOW.timestamp())
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_numbers = count(1)


class Signing:
    """A clinic with an issuer of its own; requests go by token, registrations by its key."""

    def __init__(self, clinic: Clinic, issuer: Issuer, keyring: Keyring) -> None:
        self.clinic, self.issuer, self.keyring = clinic, issuer, keyring
        self.rotate()

    def rotate(self) -> str:
        with self.clinic.database.write(NONE) as db:
            return signing_keys.rotate(db, keyring=self.keyring, now=self.clinic.clock())

    def a_client(self, key: Any, scopes: list[str], **said: Any) -> Any:
        named = {"jwks": public([key])} if "jwks_url" not in said else {}
        return self.clinic.post(
            "/clients", {"name": "warehouse", "scopes": scopes, **named, **said}
        )

    def assertion(self, key: Any, client_id: str, **claims: Any) -> str:
        full = {
            "iss": client_id,
            "sub": client_id,
            "aud": ENDPOINT,
            "exp": int(self.clinic.clock().timestamp()) + 300,
            "jti": f"j{next(_numbers)}",
            **claims,
        }
        algorithm = "ES384" if isinstance(key, ECKey) else "RS384"
        return signed(key, full, alg=algorithm, typ="JWT", kid=key.kid)

    def form(self, assertion: str, scope: str | None, **said: Any) -> dict[str, str]:
        """A token request; a field given as None is left out."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": TYPE,
            "client_assertion": assertion,
            "scope": scope,
            **said,
        }
        return {name: value for name, value in form.items() if value is not None}

    def ask(self, assertion: str, scope: str | None, **said: Any) -> Response:
        """Send a token request."""
        return self.send(urlencode(self.form(assertion, scope, **said)))

    def send(self, body: str | bytes, **headers: str) -> Response:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self.clinic.client.post("/oauth/token", content=body, headers={**kind, **headers})

    def token(self, key: Any, client_id: str, scope: str) -> str:
        answer = self.ask(self.assertion(key, client_id), scope)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def get(self, token: str, path: str = "/me") -> Response:
        return self.clinic.client.get(f"/v1{path}", headers={"authorization": f"Bearer {token}"})

    def forget(self) -> None:
        """What a cache remembers for 60 seconds at most has run out."""
        self.clinic.forget()

    def an_issuer(self, **said: Any) -> Any:
        body = {
            "name": "hospital",
            "url": ISS,
            "audience": AUD,
            "jwks_url": self.issuer.url,
            "algorithms": ["ES256", "RS256"],
            **said,
        }
        return self.clinic.post("/issuers", body)

    def a_member(self, *roles: str) -> str:
        """A member of staff with these roles; their id."""
        values = StaffValues(name="Dr. A. Okafor", roles=list(roles))
        by, now = self.clinic.by, self.clinic.clock()
        with self.clinic.database.write(self.clinic.practice_id) as db:
            made = records.create(db, Staff, values, kind="staff", by=by, now=now)
        return str(made["id"])

    def leaves(self, staff_id: str) -> None:
        by, now = self.clinic.by, self.clinic.clock()
        with self.clinic.database.write(self.clinic.practice_id) as db:
            person = records.load(db, Staff, practice_id=by.practice_id, id=staff_id)
            off = StaffValues(active=False)
            records.change(db, Staff, person, off, kind="staff", by=by, now=now)

    def outside(self, key: Any = None, **claims: Any) -> str:
        """An access token of the issuer beside."""
        full = {
            "iss": ISS,
            "aud": AUD,
            "sub": "someone",
            "iat": AT,
            "exp": AT + 300,
            "scope": "user/*.rs",
            **claims,
        }
        kept = {name: value for name, value in full.items() if value is not None}
        key = key or self.issuer.keys[0]
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        return signed(key, kept, alg=algorithm, typ="at+jwt", kid=key.kid)


@contextmanager
def a_signing_clinic(database: Database, folder: Path, **set: Any) -> Iterator[Signing]:
    """An application that makes tokens under `URL`, with a master key in `folder`."""
    clock = Moment(NOW)
    issuer = Issuer(ec_key("e1"), rsa_key("r1"))
    keyring = Keyring.from_file(folder / "master.key")
    keyring.first(made_on="2026-03-20")
    settings = Settings(
        public_url=URL,
        key_file=folder / "master.key",
        outgoing_hosts=issuer.allowed,
        _env_file=None,
        **(UNLIMITED | set),
    )
    outgoing = Outgoing(settings.allowed_hosts, resolve=to_loopback, tls=certificate()[1])
    app = create_app(settings, clock=clock, database=database, outgoing=outgoing)
    try:
        with AppClient(app, raise_failures=False) as client:
            clinic = Clinic(client, database, clock, "America/New_York")
            yield Signing(clinic, issuer, keyring)
    finally:
        issuer.close()
