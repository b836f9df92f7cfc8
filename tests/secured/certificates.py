"""An authority of its own and a server's certificate for 127.0.0.1, valid for this hour."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from os import chown
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from services.tooling.embedded.accounts import Account


class Authority:
    """Signs certificates; `certificate` is the file that clients are told to trust."""

    def __init__(self, folder: Path, name: str) -> None:
        """Write the authority's own certificate into a folder."""
        self._name = _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / f"{name}.crt"
        usage = x509.KeyUsage(
            key_cert_sign=True, crl_sign=True, digital_signature=True,
            content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        own = self._builder(self._name, self._key).add_extension(usage, critical=True)
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._write(own, self.certificate)

    def issue(self, folder: Path, account: Account | None) -> None:
        """Write `server.crt` and `server.key` for that account's server, the key for it alone."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
        server = self._builder(_named("server"), key).add_extension(address, critical=False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        self._write(server.add_extension(authority, critical=False), folder / "server.crt")
        key_file = folder / "server.key"
        key_file.touch(mode=0o600)
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        if account is not None:
            chown(key_file, account.uid, account.gid)

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return (
            x509.CertificateBuilder(self._name, name, key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(identifier, critical=False)
        )

    def _write(self, certificate: x509.CertificateBuilder, file: Path) -> None:
        signed = certificate.sign(self._key, SHA256())
        file.write_bytes(signed.public_bytes(Encoding.PEM))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
