"""CBOR as docs/protocol.md uses it, and the form of everything that is made of it."""

LIMITS = dict(
    header=160, control_body=64 * 1024, content_body=1024 * 1024, frame=1024 * 1024 + 64 * 1024, path_entries=512,
    after=512, heads=4096, back_points=1024, wraps=256, channels=256, parts=4096, preimage=160,
    inflated=64 * 1024 * 1024, whisper=4096,
)

# How bytes are read ---------------------------------------------------------------------------------------------------


class Refused(Exception):
    """What the vectors call a refusal."""


class Reader:
    """Deterministic CBOR. A form below is a function that reads one value from a reader."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise Refused("not well formed")
        self.at += count
        return self.data[self.at - count : self.at]

    def head(self):
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if info < 24:
            return major, info
        if info < 28:
            value = int.from_bytes(self.take(1 << (info - 24)), "big")
            if value >= (24 if info == 24 else 1 << (8 << (info - 25))):
                return major, value
        raise Refused("not well formed")

    def expect(self, wanted):
        major, value = self.head()
        if major != wanted:
            raise Refused("not well formed")
        return value

    def skip(self, depth=0):
        """Passes over one value, which is deterministic."""
        major, value = self.head()
        if major == 2:
            self.take(value)
        elif major == 3:
            decoded(self.take(value))
        elif major in (4, 5) and depth < 16:
            last = -1
            for _ in range(value):
                if major == 5:
                    key = self.expect(0)
                    if key <= last or key >= 1 << 32:
                        raise Refused("not well formed")
                    last = key
                self.skip(depth + 1)
        elif major > 1 and (major, value) not in ((7, 20), (7, 21)):
            raise Refused("not well formed")


def decoded(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused("not well formed") from None


def place(reader):
    value = number(64)(reader)
    if value == 0:
        raise Refused("not well formed")
    return value


def number(bits):
    def read(reader):
        value = reader.expect(0)
        if value >= 1 << bits:
            raise Refused("not well formed")
        return value

    return read


def bytes_of(length=None):
    def read(reader):
        value = reader.take(reader.expect(2))
        if length is not None and len(value) != length:
            raise Refused("not well formed")
        return value.hex()

    return read


def text(allowed=None, most=None):
    def read(reader):
        value = decoded(reader.take(reader.expect(3)))
        if allowed and not (1 <= len(value) <= most and set(value) <= allowed):
            raise Refused("not well formed")
        return value

    return read


def one_of(*names):
    def read(reader):
        value = reader.expect(0)
        if value >= len(names):
            raise Refused("not well formed")
        return names[value]

    return read


def list_of(form, most):
    def read(reader):
        length = reader.expect(4)
        if length > most:
            raise Refused("not well formed")
        return [form(reader) for _ in range(length)]

    return read


def tuple_of(**fields):
    def read(reader):
        length = reader.expect(4)
        if length < len(fields):
            raise Refused("not well formed")
        value = {name: form(reader) for name, form in fields.items()}
        for _ in range(length - len(fields)):
            reader.skip()
        return value

    return read


def map_of(**fields):
    """Key k is the k-th field. A form in a list is optional."""

    def read(reader):
        names, value = list(fields), {}
        for _ in range(reader.expect(5)):
            key = reader.expect(0)
            if key >= len(names):
                reader.skip()
                continue
            form = fields[names[key]]
            value[names[key]] = form[0](reader) if isinstance(form, list) else form(reader)
        if any(name not in value and not isinstance(fields[name], list) for name in names):
            raise Refused("not well formed")
        return value

    return read


def whole(form, data, limit):
    if len(data) > limit:
        raise Refused("too large")
    Reader(data).skip()
    reader = Reader(data)
    value = form(reader)
    if reader.at != len(data):
        raise Refused("trailing bytes")
    return value


# Forms of docs/protocol.md --------------------------------------------------------------------------------------------

ID, SHORT, SIGNATURE = bytes_of(32), bytes_of(16), bytes_of(64)
CHAIN = one_of("control", "content")
HEAD = tuple_of(device=ID, chain=CHAIN, seq=place, id=ID)
HELD = tuple_of(head=HEAD, low=number(64))
HELDS = list_of(HELD, LIMITS["heads"])
KEYS = tuple_of(device=ID, seal=ID)
WRAPS = list_of(tuple_of(device=ID, sealed=bytes_of(80)), LIMITS["wraps"])
PARENTS = list_of(tuple_of(epoch=ID, sealed=bytes_of(72)), LIMITS["wraps"])
HEADER = map_of(
    version=number(16), chain=CHAIN, seq=number(64), prev=[ID], epoch=[bytes_of(8)], length=number(32), body=ID,
)
PLACE = map_of(version=number(16), chain=CHAIN, seq=number(64), prev=[ID], epoch=[bytes_of(8)])
CONTROL = map_of(after=list_of(HEAD, LIMITS["after"]), kind=number(32), record=bytes_of())
RECORDS = [
    ("genesis", map_of(kind=one_of("personal", "alliance"), founder=KEYS, recovery=[KEYS], recovery_consent=[SIGNATURE])),
    ("add device", map_of(device=KEYS, role=one_of("ordinary", "recovery"), renews=[ID], consent=SIGNATURE)),
    ("invite", map_of(key=KEYS, purpose=one_of("member", "own device"), expires=number(64))),
    ("redeem", map_of(device=KEYS, recovery=[KEYS], consent=SIGNATURE, recovery_consent=[SIGNATURE])),
    ("confirm", map_of(redeem=ID)),
    ("cut", map_of(device=ID, reason=one_of("unsaid", "lost", "renewed", "expired", "withdrawn"))),
    ("leave", map_of()),
    ("epoch", map_of(id=ID, parents=PARENTS, wraps=WRAPS)),
    ("grant", map_of(epoch=ID, wraps=WRAPS)),
    ("ack checkpoint", map_of(checkpoint=ID, covered=list_of(HEAD, LIMITS["after"]))),
    ("forget", map_of(item=SHORT)),
]
CODES = one_of(
    "version", "frame", "proof", "not member", "unknown space", "expired", "entry", "limit", "slow", "closing",
    "storage", "internal", "token",
)
ENTRY = tuple_of(header=bytes_of(), signature=SIGNATURE, body=bytes_of())
FLOOR = tuple_of(device=ID, seq=number(64))
BACK = tuple_of(device=ID, chain=CHAIN, points=list_of(HELD, LIMITS["back_points"]))
FRAMES = [
    ("hello", map_of(oldest=number(16), newest=number(16), nonce=ID, key=ID)),
    ("prove", map_of(signature=SIGNATURE)),
    ("open", map_of(channel=number(32), space=SHORT, device=ID, proof=SIGNATURE)),
    ("have", map_of(
        channel=number(32), heads=HELDS, floor=list_of(FLOOR, LIMITS["heads"]), back=list_of(BACK, LIMITS["heads"]),
    )),
    ("entries", map_of(
        channel=number(32), device=ID, chain=CHAIN, entries=list_of(ENTRY, LIMITS["path_entries"]),
    )),
    ("ack", map_of(channel=number(32), heads=list_of(HEAD, LIMITS["heads"]))),
    ("find", map_of(device=ID, proof=SIGNATURE)),
    ("found", map_of(device=ID, spaces=list_of(SHORT, LIMITS["heads"]))),
    ("whisper", map_of(
        channel=number(32), epoch=bytes_of(8), device=ID, counter=number(64), sealed=bytes_of(), signature=SIGNATURE,
    )),
    ("error", map_of(code=CODES, channel=[number(32)], entry=[ID])),
    ("drop", map_of(space=SHORT, device=ID, proof=SIGNATURE)),
    ("dropped", map_of(space=SHORT, code=[CODES])),
    ("names", map_of(names=list_of(ID, LIMITS["channels"]))),
    ("opened", map_of(channel=number(32), device=ID, proof=SIGNATURE)),
    ("quiet", map_of(channel=number(32))),
    ("endpoint", map_of(key=ID)),
]


PART = map_of(
    item=SHORT, writer=[SHORT], preimage=[bytes_of()], form=one_of("changes", "snapshot"), length=number(32),
    packed=bytes_of(),
)
CONTENT = map_of(
    after=list_of(HEAD, LIMITS["after"]), parts=list_of(PART, LIMITS["parts"]), keeps=list_of(HEAD, LIMITS["after"])
)
KIND = text(allowed=set("abcdefghijklmnopqrstuvwxyz-"), most=32)
PREIMAGE = map_of(kind=KIND, owner=[SHORT], creator=ID, nonce=SHORT)


def ADDRESS(reader):
    """Four or sixteen bytes and a port of two."""
    value = bytes_of()(reader)
    if len(value) not in (12, 36):
        raise Refused("not well formed")
    return value


ROUTE = map_of(endpoint=ID, addresses=list_of(ADDRESS, 12))
WHISPER = map_of(kind=number(32), name=SHORT, hears=list_of(SHORT, 12), route=[ROUTE])
TERMS = map_of(
    space=SHORT, purpose=one_of("member", "own device"), expires=number(64), relay=[map_of(url=text(), key=[ID])],
    route=[ROUTE],
)


def read_header(data):
    header = whole(HEADER, data, LIMITS["header"])
    content = header["chain"] == "content"
    if header["seq"] == 0 or (header["seq"] == 1) != ("prev" not in header) or content != ("epoch" in header):
        raise Refused("impossible")
    if header["length"] > LIMITS["content_body" if content else "control_body"]:
        raise Refused("too large")
    return header


def read_control(data):
    body = whole(CONTROL, data, LIMITS["control_body"])
    record = bytes.fromhex(body["record"])
    if body["kind"] >= len(RECORDS):
        return dict(after=body["after"], kind="unknown", record=dict(kind=body["kind"], bytes=body["record"]))
    name, form = RECORDS[body["kind"]]
    return dict(after=body["after"], kind=name, record=whole(form, record, LIMITS["control_body"]))


def read_frame(data):
    if not data:
        raise Refused("impossible")
    if len(data) > LIMITS["frame"]:
        raise Refused("too large")
    if data[0] >= len(FRAMES):
        return dict(kind="unknown", frame=dict(kind=data[0]))
    name, form = FRAMES[data[0]]
    return dict(kind=name, frame=whole(form, data[1:], LIMITS["frame"]))
