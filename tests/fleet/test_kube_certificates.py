"""Certificates: who trusts whom, when they are renewed, and that nobody is cut off by it. The clock is an argument."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from gatewright.fleet.certificates import (
    AUTHORITY_LIFE,
    LEAF_LIFE,
    OVERLAP,
    PROXY,
    RATE_LIMIT,
    SERVER,
    Certificates,
    Pair,
    cluster_subjects,
    local_subjects,
    next_renewal,
    renewed,
)

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SUBJECTS = cluster_subjects("infra")


def trusts(trusted: str, pair: Pair, now: datetime, name: str = "envoy-gateway") -> bool:
    """Whether a TLS client that has `trusted` takes `pair` for `name` at `now`."""
    store = Store(x509.load_pem_x509_certificates(trusted.encode()))
    leaf = x509.load_pem_x509_certificate(pair.certificate.encode())
    verifier = PolicyBuilder().store(store).time(now).build_server_verifier(x509.DNSName(name))
    try:
        verifier.verify(leaf, [])
    except VerificationError:
        return False
    return True


def test_names_of_certificates() -> None:
    """Those by which proxies look the control plane up."""
    made = renewed(None, SUBJECTS, NOW)

    assert {SERVER, PROXY, RATE_LIMIT} == set(made.leaves)
    for name in ("envoy-gateway", "envoy-gateway.infra", "envoy-gateway.infra.svc", "envoy-gateway.infra.svc.cluster.local"):
        assert trusts(made.authority.trusted, made.leaves[SERVER], NOW, name)
    assert not trusts(made.authority.trusted, made.leaves[SERVER], NOW, "envoy-gateway.other")
    assert ("localhost",) == local_subjects()[SERVER].names


def test_what_is_good_is_kept() -> None:
    """Equal, so that no Secret is written and no proxy reads anything anew."""
    made = renewed(None, SUBJECTS, NOW)

    assert made == renewed(made, SUBJECTS, NOW + LEAF_LIFE * 0.66)


def test_a_certificate_is_renewed_after_two_thirds_of_its_life() -> None:
    """By the same authority: nobody has to learn anything new."""
    made = renewed(None, SUBJECTS, NOW)
    later = NOW + LEAF_LIFE * 0.67
    again = renewed(made, SUBJECTS, later)

    assert abs(next_renewal(made) - (NOW + LEAF_LIFE * 2 / 3)) < timedelta(minutes=1)
    assert made.authority == again.authority
    assert made.leaves[SERVER] != again.leaves[SERVER]
    assert trusts(made.authority.trusted, again.leaves[SERVER], later)


def _life_of_an_installation() -> Iterator[tuple[datetime, Certificates]]:
    """Ten years of one that looks after its certificates when it said it would."""
    now, found = NOW, None
    while now < NOW + timedelta(days=3650):
        found = renewed(found, SUBJECTS, now)
        yield now, found
        now = max(next_renewal(found), now + timedelta(seconds=1))


def test_nobody_is_ever_cut_off() -> None:
    """Through all renewals of ten years: who has what was published before trusts what is shown now, and the other way round."""
    steps = list(_life_of_an_installation())
    assert len({found.authority.current for _, found in steps}) > 2
    assert len(steps) < 100

    for (_, before), (now, after) in pairwise(steps):
        assert trusts(before.authority.trusted, after.leaves[SERVER], now)
        assert trusts(after.authority.trusted, before.leaves[SERVER], now)


def test_a_new_authority_signs_only_after_it_is_known() -> None:
    """For an hour it is trusted, and nothing else; then it signs, and the old one is trusted until it expires."""
    made = renewed(None, SUBJECTS, NOW)
    due = NOW + AUTHORITY_LIFE * 2 / 3 + timedelta(hours=1)
    made = renewed(made, SUBJECTS, due - timedelta(days=1))
    announced = renewed(made, SUBJECTS, due)
    assert made.authority.current == announced.authority.current
    assert made.leaves == announced.leaves
    assert announced.authority.following is not None
    assert announced == renewed(announced, SUBJECTS, due + OVERLAP / 2)
    assert due + OVERLAP == next_renewal(announced)

    signing = renewed(announced, SUBJECTS, due + OVERLAP)
    assert announced.authority.following == signing.authority.current
    assert (made.authority.current.certificate,) == signing.authority.retired
    assert not trusts(made.authority.trusted, signing.leaves[SERVER], due + OVERLAP)

    expired = renewed(signing, SUBJECTS, NOW + AUTHORITY_LIFE + timedelta(days=1))
    assert () == expired.authority.retired


def test_what_is_no_good_is_made_anew() -> None:
    """A certificate for other names, of another authority, without its key, or none at all."""
    made = renewed(None, SUBJECTS, NOW)
    other = renewed(None, SUBJECTS, NOW)
    bad = {
        SERVER: made.leaves[PROXY],
        PROXY: other.leaves[PROXY],
        RATE_LIMIT: Pair(made.leaves[RATE_LIMIT].certificate, made.leaves[PROXY].key),
    }
    again = renewed(msgspec.structs.replace(made, leaves=bad), SUBJECTS, NOW)

    assert not set(bad.values()) & set(again.leaves.values())
    assert made.authority == again.authority
    for broken in (Pair("", ""), Pair("no PEM", "no PEM")):
        mended = renewed(msgspec.structs.replace(made, leaves={SERVER: broken}), SUBJECTS, NOW)
        assert trusts(made.authority.trusted, mended.leaves[SERVER], NOW)


def test_an_authority_that_is_no_good_is_replaced_at_once() -> None:
    """After years of standstill there is nobody left to be cut off."""
    made = renewed(None, SUBJECTS, NOW)
    late = NOW + AUTHORITY_LIFE + timedelta(days=1)
    again = renewed(made, SUBJECTS, late)

    assert made.authority.current != again.authority.current
    assert trusts(again.authority.trusted, again.leaves[SERVER], late)


def test_openssl_agrees(tmp_path: Path) -> None:
    """Another implementation of X.509, and the strictest reading it has."""
    made = renewed(None, SUBJECTS, datetime.now(UTC))
    (tmp_path / "ca.crt").write_text(made.authority.trusted)
    (tmp_path / "tls.crt").write_text(made.leaves[SERVER].certificate)

    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.crt", "tls.crt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (0, "tls.crt: OK\n", "") == (done.returncode, done.stdout, done.stderr)


def test_keys_of_another_kind_are_replaced() -> None:
    """An RSA key, as `certgen` of Envoy Gateway makes them, cannot be that of a certificate of ours."""
    made = renewed(None, SUBJECTS, NOW)
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    found = {**made.leaves, SERVER: Pair(made.leaves[SERVER].certificate, key)}

    assert key != renewed(msgspec.structs.replace(made, leaves=found), SUBJECTS, NOW).leaves[SERVER].key
