"""A certificate authority of the tests' own, with a certificate for a broker and one for a client on 127.0.0.1."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

KEY_PASSWORD: Final = "hush"
_NAMES: Final = "subjectAltName=IP:127.0.0.1,DNS:localhost"


class Certificates:
    """PEM files in a directory."""

    def __init__(self, directory: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("there is no openssl on this machine to make certificates with")
        self._directory = directory
        self.ca = self._authority("ca")
        self.other_ca = self._authority("other-ca")
        self.broker = self._signed("broker")
        self.client = self._signed("client")
        self.client_key = self._path("client.key")
        self.encrypted_key = self._path("client-encrypted.key")
        encrypt = ("pkcs8", "-topk8", "-in", self.client_key, "-out", self.encrypted_key)
        self._openssl(*encrypt, "-passout", f"pass:{KEY_PASSWORD}")
        self.broker_store = self._joined("broker")
        self.client_with_key = self._joined("client")
        self.no_pem = self._path("no.pem")
        Path(self.no_pem).write_text("this is no PEM\n")

    def _path(self, name: str) -> str:
        return str(self._directory / name)

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)

    def _authority(self, name: str) -> str:
        self._new(name, f"{name}.pem", "-x509")
        return self._path(f"{name}.pem")

    def _signed(self, name: str) -> str:
        self._new(name, f"{name}.csr")
        names = self._directory / "names"
        names.write_text(_NAMES)
        authority = (
            "-CA",
            self.ca,
            "-CAkey",
            self._path("ca.key"),
            "-CAcreateserial",
            "-extfile",
            str(names),
        )
        request = ("x509", "-req", "-in", self._path(f"{name}.csr"), "-days", "30")
        self._openssl(*request, *authority, "-out", self._path(f"{name}.pem"))
        return self._path(f"{name}.pem")

    def _new(self, name: str, out: str, *options: str) -> None:
        new = ("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", *options)
        self._openssl(*new, "-keyout", self._path(f"{name}.key"), "-out", self._path(out))

    def _joined(self, name: str) -> str:
        joined = self._directory / f"{name}-with-key.pem"
        parts = (self._directory / f"{name}.key", self._directory / f"{name}.pem")
        joined.write_text("".join(part.read_text() for part in parts))
        return str(joined)
