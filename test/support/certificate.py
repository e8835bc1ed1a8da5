"""Prints, as JSON, an authority's certificate and certificates that it signed for 127.0.0.1, each with its key.

The arguments say of each how many days it is still valid, which may be less than none.
"""

import datetime
import ipaddress
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

pem = serialization.Encoding.PEM
now = datetime.datetime.now(datetime.UTC)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, key, issuer, issuer_key, days, authority):
    begin = now - datetime.timedelta(days=30)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), True)
    )
    if not authority:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(pem).decode()


def text_of(key):
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


authority_key = ec.generate_private_key(ec.SECP256R1())
ca = certificate("the authority", authority_key, "the authority", authority_key, 2, True)
pairs = []
for days in map(float, sys.argv[1:]):
    key = ec.generate_private_key(ec.SECP256R1())
    cert = certificate("127.0.0.1", key, "the authority", authority_key, days, False)
    pairs.append({"key": text_of(key), "cert": cert})
print(json.dumps({"ca": ca, "pairs": pairs}))
