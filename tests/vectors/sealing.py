"""XChaCha20-Poly1305, X25519, HKDF-SHA256 and single-shot HPKE, opening only, slow and plain, from RFC 8439,
draft-irtf-cfrg-xchacha-03, RFC 7748, RFC 5869 and RFC 9180. Only for checking vectors."""

import hashlib
import hmac


def words(data):
    return [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]


def pack(state):
    return b"".join(word.to_bytes(4, "little") for word in state)


def rounds(state):
    """Twenty rounds of ChaCha, without the final addition."""
    state = list(state)

    def quarter(a, b, c, d):
        for x, y, z, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            turned = state[z] ^ state[x]
            state[z] = (turned << by | turned >> (32 - by)) & 0xFFFFFFFF

    for _ in range(10):
        for at in range(4):
            quarter(at, at + 4, at + 8, at + 12)
        for at in range(4):
            quarter(at, (at + 1) % 4 + 4, (at + 2) % 4 + 8, (at + 3) % 4 + 12)
    return state


CONSTANTS = words(b"expand 32-byte k")


def block(key, counter, nonce):
    state = CONSTANTS + words(key) + [counter] + words(nonce)
    return pack((a + b) & 0xFFFFFFFF for a, b in zip(state, rounds(state)))


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    sum_ = 0
    for at in range(0, len(message), 16):
        sum_ = (sum_ + int.from_bytes(message[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((sum_ + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def open_chacha(key, nonce, aad, sealed):
    """The plaintext of ChaCha20-Poly1305, or nothing."""
    sealed, tag = sealed[:-16], sealed[-16:]
    even = lambda data: data + bytes(-len(data) % 16)
    lengths = len(aad).to_bytes(8, "little") + len(sealed).to_bytes(8, "little")
    if poly1305(block(key, 0, nonce)[:32], even(aad) + even(sealed) + lengths) != tag:
        return None
    stream = b"".join(block(key, 1 + at, nonce) for at in range(-(-len(sealed) // 64)))
    return bytes(a ^ b for a, b in zip(sealed, stream))


def open_xchacha(key, aad, sealed):
    """The plaintext of nonce (24) and XChaCha20-Poly1305, or nothing."""
    nonce, sealed = sealed[:24], sealed[24:]
    mixed = rounds(CONSTANTS + words(key) + words(nonce[:16]))
    return open_chacha(pack(mixed[:4] + mixed[12:]), bytes(4) + nonce[16:], aad, sealed)


def x25519(secret, point):
    """RFC 7748, section 5."""
    prime = 2**255 - 19
    scalar = int.from_bytes(secret, "little") & ~7 & (2**255 - 1) | 2**254
    x1 = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3 = 1, 0, x1, 1
    for bit in reversed(range(255)):
        swap = scalar >> bit & 1
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % prime, x1 * (da - cb) ** 2 % prime
        x2, z2 = aa * bb % prime, e * (aa + 121665 * e) % prime
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, prime - 2, prime) % prime).to_bytes(32, "little")


def extract(salt, secret):
    return hmac.digest(salt or bytes(32), secret, hashlib.sha256)


def expand(key, info, length):
    out = last = b""
    for number in range(1, 255):
        if len(out) >= length:
            break
        last = hmac.digest(key, last + info + bytes([number]), hashlib.sha256)
        out += last
    return out[:length]


def hkdf(secret, info, length):
    return expand(extract(b"", secret), info, length)


def open_hpke(secret, info, sealed):
    """Base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, no associated data; or nothing."""
    encapsulated, sealed = sealed[:32], sealed[32:]
    public = x25519(secret, (9).to_bytes(32, "little"))

    def labelled(suite):
        start = lambda salt, label, data: extract(salt, b"HPKE-v1" + suite + label + data)

        def grow(key, label, data, length):
            return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + data, length)

        return start, grow

    start, grow = labelled(b"KEM" + bytes([0, 0x20]))
    shared = grow(start(b"", b"eae_prk", x25519(secret, encapsulated)), b"shared_secret", encapsulated + public, 32)
    start, grow = labelled(b"HPKE" + bytes([0, 0x20, 0, 1, 0, 3]))
    context = b"\0" + start(b"", b"psk_id_hash", b"") + start(b"", b"info_hash", info)
    schedule = start(shared, b"secret", b"")
    key, nonce = grow(schedule, b"key", context, 32), grow(schedule, b"base_nonce", context, 12)
    return open_chacha(key, nonce, b"", sealed)
