"""Prints a Secret with a self-signed certificate, to try HTTPS with: `python certificate.py www.example.com > secret.yaml`."""

import base64
import datetime as dt
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

host = sys.argv[1]
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
now = dt.datetime.now(dt.UTC)
certificate = (
    x509.CertificateBuilder()
    .subject_name(name)
    .issuer_name(name)
    .public_key(key.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - dt.timedelta(minutes=5))
    .not_valid_after(now + dt.timedelta(days=90))
    .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    .sign(key, hashes.SHA256())
)
pem = serialization.Encoding.PEM
private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
secret = f"""apiVersion: v1
kind: Secret
metadata:
  name: {host.replace(".", "-")}
type: kubernetes.io/tls
data:
  tls.crt: {base64.b64encode(certificate.public_bytes(pem)).decode()}
  tls.key: {base64.b64encode(private).decode()}
"""
sys.stdout.write(secret)
