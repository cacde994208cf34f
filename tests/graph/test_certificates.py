"""What is found out about TLS Secrets: whether they can serve, for which hosts, and when."""

import base64
import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID

from gatewright.api.core import Secret
from gatewright.api.meta import NamespacedName, ObjectMeta
from gatewright.flow import World
from gatewright.graph import certificates
from gatewright.graph import tables as g

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
END = dt.datetime(2026, 6, 30, tzinfo=dt.UTC)
KEY = NamespacedName("default", "shop")


def pem(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def certificate(key: CertificateIssuerPrivateKeyTypes, names: tuple[str, ...] = (), common: str = "Shop.example.com") -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(START).not_valid_after(END)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)


def secret(crt: bytes, key: bytes, kind: str = certificates.TLS_SECRET) -> Secret:
    data = {"tls.crt": base64.b64encode(crt).decode(), "tls.key": base64.b64encode(key).decode()}
    metadata = ObjectMeta(name=KEY.name, namespace=KEY.namespace)
    return Secret(api_version="v1", kind="Secret", metadata=metadata, type=kind, data=data)


def examined(subject: Secret) -> certificates.CertificateFacts | None:
    """The row of a Secret in a world of nothing else."""
    world = World()
    world.source(g.SECRETS)
    world.derived(g.CERTIFICATES, g.SECRETS, certificates.examine)
    world.put(g.SECRETS, KEY, subject)
    world.settle()
    return world.get(g.CERTIFICATES, KEY)


def problem_of(subject: Secret) -> str:
    facts = examined(subject)
    assert facts is not None
    return facts.problem


EC = ec.generate_private_key(ec.SECP256R1())


def test_a_good_one_tells_its_hosts_in_lower_case_its_algorithm_and_its_time() -> None:
    facts = examined(secret(certificate(EC, ("Shop.example.com", "*.example.com")), pem(EC)))

    expected = certificates.CertificateFacts(
        hosts=("*.example.com", "shop.example.com"),
        algorithm="EC",
        not_before=int(START.timestamp()),
        not_after=int(END.timestamp()),
    )
    assert expected == facts


def test_without_alternative_names_the_common_name_counts() -> None:
    facts = examined(secret(certificate(EC), pem(EC)))

    assert facts is not None
    assert ("shop.example.com",) == facts.hosts


def test_of_a_chain_the_first_certificate_counts() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    chain = certificate(EC, ("leaf.example.com",)) + certificate(other, ("authority.example.com",))

    facts = examined(secret(chain, pem(EC)))

    assert facts is not None
    assert ("", ("leaf.example.com",)) == (facts.problem, facts.hosts)


def test_rsa_keys_serve_if_they_are_long_enough() -> None:
    long, short = (rsa.generate_private_key(65537, bits) for bits in (2048, 1024))

    assert "" == problem_of(secret(certificate(long), pem(long)))
    assert "tls.key is an RSA key of 1024 bits; Envoy takes 2048 or more" == problem_of(secret(certificate(short), pem(short)))


def test_curves_that_envoy_does_not_know_are_refused() -> None:
    key = ec.generate_private_key(ec.SECP256K1())

    assert "tls.key is of curve secp256k1; Envoy takes secp256r1, secp384r1, secp521r1" == problem_of(
        secret(certificate(key), pem(key))
    )


def test_other_kinds_of_keys_are_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate()

    assert "tls.key is neither an RSA nor an EC key, which is what Envoy takes" == problem_of(secret(certificate(key), pem(key)))


def test_a_key_of_another_certificate_is_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1())

    assert "tls.key does not belong to the certificate in tls.crt" == problem_of(secret(certificate(EC), pem(other)))


@pytest.mark.parametrize(
    ("crt", "key"),
    [
        (b"garbage", pem(EC)),
        (certificate(EC), b"garbage"),
        (pem(EC), certificate(EC)),
        (certificate(EC)[:200], pem(EC)),
        (b"", b""),
        (
            certificate(EC),
            EC.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
            ),
        ),
    ],
    ids=["certificate", "key", "swapped", "cut off", "empty", "encrypted"],
)
def test_what_is_malformed_is_refused_without_a_byte_of_it(crt: bytes, key: bytes) -> None:
    problem = problem_of(secret(crt, key))

    assert "tls.crt or tls.key is not in PEM form, or is encrypted or malformed" == problem


def test_what_is_missing_or_not_base64_is_named() -> None:
    good = secret(certificate(EC), pem(EC))
    missing = Secret(
        api_version="v1", kind="Secret", metadata=good.metadata, type=good.type, data={"tls.crt": good.data["tls.crt"]}
    )
    broken = Secret(api_version="v1", kind="Secret", metadata=good.metadata, type=good.type, data={**good.data, "tls.crt": "%"})

    assert "the Secret has no tls.key" == problem_of(missing)
    assert "tls.crt is not base64" == problem_of(broken)


def test_secrets_of_other_types_are_not_examined() -> None:
    assert examined(secret(certificate(EC), pem(EC), kind="Opaque")) is None


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        (START - dt.timedelta(seconds=1), "the certificate is not valid before 2026-01-01T00:00:00Z"),
        (START, ""),
        (END, ""),
        (END + dt.timedelta(seconds=1), "the certificate expired at 2026-06-30T00:00:00Z"),
    ],
)
def test_a_certificate_serves_from_its_first_second_to_its_last(at: dt.datetime, problem: str) -> None:
    facts = examined(secret(certificate(EC), pem(EC)))

    assert facts is not None
    assert problem == facts.problem_at(int(at.timestamp()))


def test_the_passing_of_time_parses_nothing_again() -> None:
    """Validity is a row of its own: only a certificate that begins or ends touches anything."""
    world = World()
    world.source(g.NOW)
    world.source(g.SECRETS)
    world.derived(g.CERTIFICATES, g.SECRETS, certificates.examine)
    world.derived(g.CERTIFICATE_PROBLEMS, g.CERTIFICATES, certificates.problem)
    world.put(g.NOW, g.ONLY, int(START.timestamp()))
    world.put(g.SECRETS, KEY, secret(certificate(EC), pem(EC)))
    world.settle()

    world.put(g.NOW, g.ONLY, int(START.timestamp()) + 60)
    unchanged = world.settle()
    world.put(g.NOW, g.ONLY, int(END.timestamp()) + 60)
    expired = world.settle()

    assert {g.NOW} == unchanged.keys()
    assert {g.NOW, g.CERTIFICATE_PROBLEMS} == expired.keys()
    assert "the certificate expired at 2026-06-30T00:00:00Z" == world.get(g.CERTIFICATE_PROBLEMS, KEY)
