"""The optional access token, from the environment or a file only: no command line, URL or log has it."""

import re
from hmac import compare_digest
from typing import Final, Self

from contract.errors import Fatal
from contract.secret_variables import secret_of

ACCESS_TOKEN_VARIABLE: Final = "LTV_ACCESS_TOKEN"
MIN_TOKEN_CHARS: Final = 16
_ALLOWED: Final = re.compile(r"[!-~]+")
_SCHEME: Final = "bearer "


class AccessToken:
    """A secret that clients send in the header Authorization, as `Bearer SECRET`."""

    def __init__(self, secret: str) -> None:
        """Keep the secret.

        Raises:
            Fatal: it has characters that a header can't have.
        """
        if not _ALLOWED.fullmatch(secret):
            raise Fatal(
                f"{ACCESS_TOKEN_VARIABLE}: use letters, digits and other visible ASCII characters only"
            )
        self._secret = secret

    @classmethod
    def from_environment(cls) -> Self | None:
        """The token in LTV_ACCESS_TOKEN, or in the file that LTV_ACCESS_TOKEN_FILE names; None if neither is set.

        Raises:
            Fatal: it is too short or has characters that a header can't have, or the file can't be used.
        """
        secret = secret_of(ACCESS_TOKEN_VARIABLE)
        if secret is None:
            return None
        token = cls(secret)
        if len(secret) < MIN_TOKEN_CHARS:
            raise Fatal(
                f"{ACCESS_TOKEN_VARIABLE} has fewer than {MIN_TOKEN_CHARS} characters, so it can be guessed. Make one: "
                'python -c "import secrets; print(secrets.token_urlsafe())"'
            )
        return token

    def __repr__(self) -> str:
        return "AccessToken(...)"

    @property
    def header(self) -> str:
        """The value of the header Authorization."""
        return f"Bearer {self._secret}"

    def is_in(self, header: str | None) -> bool:
        """Whether this value of the header Authorization has the token; compared in constant time."""
        if header is None or not header.lower().startswith(_SCHEME):
            return False
        return self.equals(header[len(_SCHEME) :].strip())

    def equals(self, text: str) -> bool:
        """Whether the text is the token; compared in constant time."""
        return compare_digest(text.encode(errors="replace"), self._secret.encode())
