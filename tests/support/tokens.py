"""JSON Web Tokens, good ones and bad ones, made without the product's code."""

import base64
import hashlib
import hmac
import json
import subprocess
import time


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def parts(claims, algorithm, **header):
    head = {"typ": "JWT", "alg": algorithm, **header}
    return ".".join(
        base64url(json.dumps(part, separators=(",", ":")).encode())
        for part in (head, claims)
    )


def claims(user=None, scope=None, seconds=600, **more):
    given = {"sub": user, "scope": scope, "exp": int(time.time()) + seconds}
    given.update(more)
    return {name: value for name, value in given.items() if value is not None}


def hs256(secret, given, algorithm="HS256", **header):
    text = parts(given, algorithm, **header)
    digest = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}[algorithm]
    mac = hmac.new(secret.encode(), text.encode(), digest).digest()
    return f"{text}.{base64url(mac)}"


def unsigned(given):
    return parts(given, "none") + "."


def openssl(*arguments, data=None):
    return subprocess.run(
        ["openssl", *arguments], input=data, capture_output=True, check=True
    ).stdout


def sign(private, text):
    return openssl("dgst", "-sha256", "-sign", private, data=text.encode())


def rs256(private, given):
    text = parts(given, "RS256")
    return f"{text}.{base64url(sign(private, text))}"


def raw_signature(der):
    """r and s of 32 bytes each, as RFC 7518 section 3.4 wants them."""
    numbers = []
    at = 2
    while at < len(der):
        size = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2 : at + 2 + size], "big"))
        at += 2 + size
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def es256(private, given):
    text = parts(given, "ES256")
    return f"{text}.{base64url(raw_signature(sign(private, text)))}"


def make_pair(private, public, *options):
    openssl("genpkey", *options, "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
