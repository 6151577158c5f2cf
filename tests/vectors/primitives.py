"""BLAKE3 (key derivation) and Ed25519 (strict), slow and plain, from their public specifications: the BLAKE3 paper,
section 2, and RFC 8032, section 5.1. Only for checking vectors; nothing here is constant in time."""

import hashlib

# BLAKE3 ---------------------------------------------------------------------------------------------------------------

IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
CHUNK_START, CHUNK_END, PARENT, ROOT, DERIVE_CONTEXT, DERIVE_MATERIAL = 1, 2, 4, 8, 32, 64
COLUMNS_THEN_DIAGONALS = [
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
]


def rotate_right(word, by):
    return (word >> by | word << (32 - by)) & 0xFFFFFFFF


def compress(chaining, block, counter, length, flags):
    """The chaining value (eight words) that a block leaves."""
    message = [int.from_bytes(block[at : at + 4], "little") for at in range(0, 64, 4)]
    state = chaining + IV[:4] + [counter & 0xFFFFFFFF, counter >> 32, length, flags]
    for _ in range(7):
        for place, (a, b, c, d) in enumerate(COLUMNS_THEN_DIAGONALS):
            for word, turn_d, turn_b in ((message[2 * place], 16, 12), (message[2 * place + 1], 8, 7)):
                state[a] = (state[a] + state[b] + word) & 0xFFFFFFFF
                state[d] = rotate_right(state[d] ^ state[a], turn_d)
                state[c] = (state[c] + state[d]) & 0xFFFFFFFF
                state[b] = rotate_right(state[b] ^ state[c], turn_b)
        message = [message[at] for at in PERMUTATION]
    return [state[at] ^ state[at + 8] for at in range(8)]


def chunk(key, data, number, flags, root):
    value, blocks = key, [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
    for at, block in enumerate(blocks):
        marks = flags | (CHUNK_START if at == 0 else 0)
        if at == len(blocks) - 1:
            marks |= CHUNK_END | (ROOT if root else 0)
        value = compress(value, block.ljust(64, b"\0"), number, len(block), marks)
    return value


def tree(key, data, number, flags, root):
    if len(data) <= 1024:
        return chunk(key, data, number, flags, root)
    left = 1 << (((len(data) - 1) // 1024).bit_length() - 1)
    halves = tree(key, data[: left * 1024], number, flags, False)
    halves = halves + tree(key, data[left * 1024 :], number + left, flags, False)
    block = b"".join(word.to_bytes(4, "little") for word in halves)
    return compress(key, block, 0, 64, flags | PARENT | (ROOT if root else 0))


def words_to_bytes(words):
    return b"".join(word.to_bytes(4, "little") for word in words)


def blake3(data):
    """Plain BLAKE3, 32 bytes."""
    return words_to_bytes(tree(IV, data, 0, 0, True))


def blake3_derive_key(context, data):
    """BLAKE3 in its key derivation mode, 32 bytes."""
    key = tree(IV, context.encode(), 0, DERIVE_CONTEXT, True)
    return words_to_bytes(tree(key, data, 0, DERIVE_MATERIAL, True))


# Ed25519 --------------------------------------------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
NEUTRAL = (0, 1, 1, 0)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def decompress(encoded):
    """The point, or nothing. The y coordinate is taken modulo the prime."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, (number & (2**255 - 1)) % P
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P:
        return None
    if x & 1 != sign:
        x = -x % P
    return x, y, 1, x * y % P


def encode_point(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def of_small_order(point):
    x, y, z, _ = multiply(8, point)
    return x == 0 and (y - z) % P == 0


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
    return scalar, digest[32:]


def public_key(seed):
    return encode_point(multiply(expand(seed)[0], BASE))


def sign(seed, message):
    scalar, prefix = expand(seed)
    key = encode_point(multiply(scalar, BASE))
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % ORDER
    point = encode_point(multiply(r, BASE))
    k = int.from_bytes(hashlib.sha512(point + key + message).digest(), "little") % ORDER
    return point + ((r + k * scalar) % ORDER).to_bytes(32, "little")


def verify(key, message, signature):
    """Strict: no point of small order, s below the order, R exactly as recomputed, no cofactor."""
    a, r = decompress(key), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER or of_small_order(a) or of_small_order(r):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    minus_a = (P - a[0], a[1], a[2], P - a[3])
    return encode_point(add(multiply(s, BASE), multiply(k, minus_a))) == signature[:32]
