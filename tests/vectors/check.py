"""Checks every vector with nothing but the standard library and what docs/protocol.md says: ids, hashes, signatures,
sealing, the form of records and frames, and the refusals of wrong bytes. Prints what disagrees; exit code 1 if
anything does."""

import base64
import hashlib
import json
import sys
from pathlib import Path

from fold import History
from forms import CONTENT, LIMITS, PLACE, PREIMAGE, ROUTE, TERMS, WHISPER, Refused, read_control, read_frame, read_header, whole
from primitives import blake3, blake3_derive_key, public_key, sign, verify
from sealing import hkdf, open_hpke, open_xchacha, x25519

HERE = Path(__file__).parent
BASE_POINT = (9).to_bytes(32, "little")

# Names and signatures of docs/protocol.md -----------------------------------------------------------------------------


def raw(*texts):
    return b"".join(bytes.fromhex(text) for text in texts)


def name(what, *parts, size=32):
    return blake3_derive_key("alliance/1 " + what, raw(*parts))[:size].hex()


def signed(key, what, signature, *parts):
    return verify(raw(key), b"alliance/1 " + what.encode() + raw(*parts), raw(signature))


def entry_id(space, device, header):
    return name("entry", space, device, header)


def check_entry(space, device, entry):
    header = read_header(raw(entry["header"]))
    if header["version"] != 1:
        raise Refused("version")
    body = raw(entry["body"])
    if len(body) != header["length"] or blake3(body).hex() != header["body"]:
        raise Refused("body")
    if not signed(device, "entry", entry["signature"], space, entry["header"]):
        raise Refused("signature")
    return header


class Chains:
    """What a log needs to judge where an entry stands."""

    def __init__(self, space):
        self.space, self.held = space, {}

    def judge(self, device, chain, entry):
        header = read_header(raw(entry["header"]))
        if header["chain"] != chain:
            raise Refused("chain")
        check_entry(self.space, device, entry)
        place = (device, chain, header["seq"] - 1)
        if "prev" in header and header["prev"] not in self.held:
            raise Refused("unlinked")
        if "prev" in header and self.held[header["prev"]] != place:
            raise Refused("predecessor")
        genesis = False
        if chain == "control":
            genesis = read_control(raw(entry["body"]))["kind"] == "genesis"
        if genesis == bool(self.held) or genesis and name("space", entry["body"], size=16) != self.space:
            raise Refused("genesis")
        self.held[entry_id(self.space, device, entry["header"])] = (device, chain, header["seq"])


class Responder:
    """The responder's side of a connection, as far as refusals go."""

    def __init__(self, own_hello):
        self.own_hello, self.peer, self.transcript, self.proven, self.channels = own_hello, None, None, False, set()

    def take(self, data):
        try:
            frame = read_frame(data)
        except Refused:
            raise Refused("frame") from None
        kind, frame = frame["kind"], frame["frame"]
        if kind in ("unknown", "error"):
            return
        if kind == "hello" and self.peer is None:
            if not frame["oldest"] <= frame["newest"] or frame["newest"] < 1 or frame["oldest"] > 1:
                raise Refused("version")
            self.peer = frame["key"]
            self.transcript = name("transcript", len(data).to_bytes(4, "big").hex(), data.hex(), self.own_hello)
        elif kind == "prove" and self.peer is not None and not self.proven:
            if not signed(self.peer, "prove", frame["signature"], "00", self.transcript):
                raise Refused("proof")
            self.proven = True
        elif kind == "open" and self.proven and frame["channel"] not in self.channels:
            if len(self.channels) >= LIMITS["channels"]:
                raise Refused("limit")
            channel = frame["channel"].to_bytes(4, "big").hex()
            if not signed(frame["device"], "open", frame["proof"], self.transcript, channel, frame["space"]):
                raise Refused("proof")
            self.channels.add(frame["channel"])
        elif kind in ("hello", "prove", "open", "names", "opened", "quiet") or not self.proven:
            raise Refused("frame")


# The files ------------------------------------------------------------------------------------------------------------

wrong = []
checks = 0


def equal(where, found, expected):
    global checks
    checks += 1
    if found != expected:
        wrong.append(f"{where}: found {found}, the file says {expected}")


def refusal(act, *arguments):
    try:
        act(*arguments)
    except Refused as refused:
        return str(refused)
    return "none"


def spelled(value):
    if isinstance(value, str):
        return raw(value)
    return raw(value["before"]) + raw(value["unit"]) * value["times"] + raw(value["after"])


def load(file):
    return json.loads((HERE / file).with_suffix(".json").read_text())


def check_ids():
    ids = load("ids")
    for vector in ids["hash"]:
        data = bytes(at % 251 for at in range(vector["length"]))
        equal(f"hash of {len(data)} bytes", blake3_derive_key(vector["label"], data).hex(), vector["hash"])
        equal(f"plain hash of {len(data)} bytes", blake3(data).hex(), vector["plain"])
    for vector in ids["devices"]:
        secret = raw(vector["secret"])
        equal(vector["name"], public_key(secret[:32]).hex(), vector["device"])
        equal(vector["name"], x25519(secret[32:], BASE_POINT).hex(), vector["seal"])
        equal(vector["name"], name("member", vector["device"], size=16), vector["member"])
    for vector in ids["spaces"]:
        equal("space", name("space", vector["genesis"], size=16), vector["space"])
    for vector in ids["items"]:
        equal("item", name("item", vector["preimage"], size=16), vector["item"])
    for vector in ids["entries"]:
        equal("entry", entry_id(vector["space"], vector["device"], vector["header"]), vector["entry"])


def terms(added):
    """What keys agree to beside that, in hexadecimal, if a device adds them."""
    role = [b"recovery".hex()] if added.get("role") == "recovery" else []
    return role + ([added["renews"]] if "renews" in added else [])


def founded(genesis):
    """True if the recovery key of a genesis agreed to it, or nobody says that it did."""
    if "recovery_consent" not in genesis:
        return True
    of, founder = ["personal", "alliance"].index(genesis["kind"]), genesis["founder"]
    recovery = genesis.get("recovery", founder)
    parts = [bytes([of]).hex(), founder["device"], founder["seal"], recovery["seal"]]
    return signed(recovery["device"], "founding", genesis["recovery_consent"], *parts)


def check_consents(where, space, author_member, control):
    """The consent in a record covers space, member and sealing key, and of an added key what it is to be."""
    kind, record = control["kind"], control["record"]
    if kind == "genesis" and "recovery_consent" in record:
        equal(f"{where}: consent", founded(record), True)
    if kind not in ("add device", "redeem"):
        return
    keys = record["device"]
    member = author_member if kind == "add device" else name("member", keys["device"], size=16)
    consents = [(keys, record["consent"], terms(record))]
    if "recovery_consent" in record:
        consents.append((record["recovery"], record["recovery_consent"], []))
    for keys, consent, added in consents:
        good = signed(keys["device"], "consent", consent, space, member, keys["seal"], *added)
        equal(f"{where}: consent", good, True)


def check_history():
    history, secrets, members = load("history"), {}, {}
    for vector in load("ids")["devices"]:
        secrets[vector["device"]], members[vector["name"]] = raw(vector["secret"]), vector["member"]
    space, chains = history["space"], Chains(history["space"])
    epochs = {vector["epoch"]: vector["key"] for vector in history["epochs"]}
    for epoch, key in epochs.items():
        equal("epoch", name("epoch", space, key), epoch)
    minted = {}
    for vector in history["entries"]:
        where, entry = vector["name"], vector["entry"]
        equal(where, refusal(chains.judge, vector["device"], vector["header"]["chain"], entry), "none")
        equal(f"{where}: id", entry_id(space, vector["device"], entry["header"]), vector["id"])
        equal(f"{where}: header", read_header(raw(entry["header"])), vector["header"])
        made = sign(secrets[vector["device"]][:32], b"alliance/1 entry" + raw(space, entry["header"]))
        equal(f"{where}: signature", made.hex(), entry["signature"])
        if "control" in vector:
            equal(f"{where}: control", read_control(raw(entry["body"])), vector["control"])
            check_consents(where, space, members["anna"], vector["control"])
            check_keys(where, space, vector, secrets, epochs, minted)
        else:
            check_content(where, space, vector, epochs)
    records = load("records")
    for vector in records["records"]:
        equal(vector["name"], read_control(raw(vector["body"])), vector["control"])
        check_consents(vector["name"], records["space"], members["ben"], vector["control"])


def check_keys(where, space, vector, secrets, epochs, minted):
    """Every wrap and every parent in a record opens to the key whose id it says."""
    kind, record = vector["control"]["kind"], vector["control"]["record"]
    if kind == "epoch":
        minted[vector["id"]] = record["id"]
    elif kind != "grant":
        return
    epoch = record["id"] if kind == "epoch" else minted[record["epoch"]]
    for wrap in record["wraps"]:
        info = b"alliance/1 wrap" + raw(space, epoch, vector["device"], wrap["device"])
        key = open_hpke(secrets[wrap["device"]][32:], info, raw(wrap["sealed"]))
        equal(f"{where}: wrap", key and key.hex(), epochs[epoch])
    for parent in record.get("parents", []):
        aad = b"alliance/1 parent" + raw(space, epoch, parent["epoch"])
        key = open_xchacha(raw(epochs[epoch]), aad, raw(parent["sealed"]))
        equal(f"{where}: parent", key and key.hex(), epochs[parent["epoch"]])


def padme(length):
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def check_content(where, space, vector, epochs):
    place, entry = raw(vector["place"]), vector["entry"]
    header = vector["header"]
    fields = {name: header[name] for name in header if name not in ("length", "body")}
    equal(f"{where}: place", whole(PLACE, place, LIMITS["header"]), fields)
    equal(f"{where}: prefix", vector["epoch"][:16], header["epoch"])
    aad = b"alliance/1 content" + raw(space, vector["device"]) + place
    opened = open_xchacha(raw(epochs[vector["epoch"]]), aad, raw(entry["body"])) or b""
    equal(f"{where}: commitment", opened[:16], bytes(16))
    plaintext, end, zeros = opened[16:].rpartition(b"\1")
    equal(f"{where}: padding", (end, set(zeros) <= {0}), (b"\1", True))
    equal(f"{where}: padded length", len(opened) - 16, padme(len(plaintext) + 1))
    equal(f"{where}: plaintext", plaintext.hex(), vector["plaintext"])
    equal(f"{where}: content", whole(CONTENT, plaintext, LIMITS["content_body"]), vector["content"])


def check_membership():
    for case in load("membership")["cases"]:
        space, names = case["space"], {entry["id"]: entry["name"] for entry in case["entries"]}
        consented = lambda keys, member, consent, added={}: bool(consent) and signed(
            keys["device"], "consent", consent, space, member, keys["seal"], *terms(added)
        )
        history = History(lambda device: name("member", device, size=16), consented, founded)
        for vector in case["entries"]:
            header = check_entry(space, vector["device"], vector["entry"])
            equal("id", entry_id(space, vector["device"], vector["entry"]["header"]), vector["id"])
            if header["chain"] == "control":
                says = read_control(raw(vector["entry"]["body"]))
                history.add(vector["id"], vector["device"], header, says["after"], says["kind"], says["record"])
            else:
                history.add(vector["id"], vector["device"], header, vector["after"], keeps=vector["keeps"])
        control = frozenset(id for id in names if history[id].chain == "control")
        content = frozenset(names) - control
        fold = history.fold(control)
        named = lambda ids: sorted(names[id] for id in ids)
        devices = {}
        for device, it in fold.devices.items():
            use, grant = fold.epochs(device)
            devices[device] = dict(
                member=it["member"], role=it["role"], live=it["live"], lineage=sorted(fold.lineage(device)),
                may_use=sorted(use), may_grant=sorted(grant),
            )
        aside = {facet: named(content - history.counting(control, content, facet)) for facet in ("shared", "own")}
        means = dict(
            devices=devices, left=sorted(fold.left), set_aside=aside,
            members=[history.member_of(it) for it in [fold.founder] if it] + [it for it in [fold.other] if it],
            invalid=named(id for id in control if not history.valid(id)), not_standing=named(control - fold.standing),
        )
        for what in means:
            equal(f"{case['name']}: {what}", means[what], ordered(what, case["means"][what]))


def ordered(what, value):
    if what == "devices":
        lists = ("may_use", "may_grant", "lineage")
        return {key: {one: sorted(it[one]) if one in lists else it[one] for one in it} for key, it in value.items()}
    if what == "set_aside":
        return {facet: sorted(names) for facet, names in value.items()}
    return value if what == "members" else sorted(value)


def check_people():
    people = load("people")
    for vector in people["invitations"]:
        terms, secret = read_invitation(vector["text"])
        equal(vector["name"], terms, vector["terms"])
        derived = hkdf(secret, b"alliance/1 invitation" + raw(terms["space"]), 64)
        check_derived(vector["name"], derived, vector)
    for vector in people["not_invitations"]:
        equal(vector["name"], refusal(read_invitation, vector["text"]), vector["refusal"])
    for vector in people["tickets"]:
        equal(vector["name"], refusal(read_ticket, vector["text"]), vector["refusal"])
        if vector["refusal"] == "none":
            equal(f"{vector['name']}: says", read_ticket(vector["text"]), vector["says"])
    words = people["recovery"]
    check_derived("words", hkdf(raw(words["entropy"]), b"alliance/1 recovery", 64), words)
    info = b"alliance/1 recovery secret" + raw(words["alliance"], words["personal"])
    opened = open_hpke(raw(words["derived"])[32:], info, raw(words["sealed"]))
    equal("recovery secret", opened and opened.hex(), words["opened"])


def check_derived(where, derived, vector):
    equal(f"{where}: derived", derived.hex(), vector["derived"])
    equal(f"{where}: device", public_key(derived[:32]).hex(), vector["keys"]["device"])
    equal(f"{where}: seal", x25519(derived[32:], BASE_POINT).hex(), vector["keys"]["seal"])


def read_invitation(text):
    text = "".join(text.split())
    if text[:9].lower() != "alliance:":
        raise Refused("foreign")
    public, hash_sign, secret = text[9:].partition("#")
    if not hash_sign:
        raise Refused("mistyped")
    public, secret = unbase64(public), unbase64(secret)
    length = len(public).to_bytes(8, "big").hex()
    if name("invitation checksum", length, public.hex(), secret[:-4].hex())[:8] != secret[-4:].hex():
        raise Refused("mistyped")
    if public[0] != 1:
        raise Refused("newer")
    return whole(TERMS, public[1:], 2048), secret[:-4]


def read_ticket(text):
    text = "".join(text.split())
    if text[:14].lower() != "alliance-peer:":
        raise Refused("foreign")
    data = unbase64(text[14:])
    if name("ticket checksum", data[:-4].hex())[:8] != data[-4:].hex():
        raise Refused("mistyped")
    if data[0] != 1:
        raise Refused("newer")
    return whole(ROUTE, data[1:-4], 1024)


def unbase64(text):
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except ValueError:
        raise Refused("mistyped") from None
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != text:
        raise Refused("mistyped")
    return data


def check_documents():
    documents = load("documents")
    for vector in documents["items"]:
        preimage = raw(vector["preimage"])
        equal(vector["name"], whole(PREIMAGE, preimage, LIMITS["preimage"]), vector["fields"])
        equal(vector["name"], name("item", vector["preimage"], size=16), vector["item"])
    for vector in documents["actors"]:
        for device in vector["devices"]:
            writer = vector.get("writer", "00" * 16)
            prefix = name("actor", device["device"], vector["item"], writer, size=8)
            equal(f"actor in {vector['name']}", prefix, device["prefix"])
    for vector in documents["kinds"] + documents["fixed"]:
        deps = []
        for change in vector["changes"]:
            check_fixed(vector["name"], raw(change["bytes"]), change, deps)
            deps = [change["hash"]]
    history = {vector["name"]: vector for vector in load("history")["entries"]}
    for vector in documents["parts"]:
        entry = history[vector["entry"]]
        part = entry["content"]["parts"][vector["place"]]
        data, writer = unstored(raw(part["packed"])), part.get("writer", "00" * 16)
        equal(f"{vector['entry']}: inflated", (data.hex(), len(data)), (vector["raw"], part["length"]))
        prefix = name("actor", entry["device"], part["item"], writer, size=8)
        for change in vector["changes"]:
            size = chunk_size(data)
            head = read_change(data[:size])
            data = data[size:]
            found = dict(hash=head["hash"], actor=head["actor"], seq=head["seq"], start_op=head["start_op"])
            equal(f"{vector['entry']}: change", dict(found, fixed=change["fixed"]), change)
            own = head["actor"].startswith(prefix)
            equal(f"{vector['entry']}: author", (own, head["actor"] == head["fixed actor"]), (not change["fixed"], change["fixed"]))
        equal(f"{vector['entry']}: rest", data, b"")


def unstored(frame):
    """The content of a zstd frame that is one stored block, as all in these vectors are."""
    equal("zstd frame", (frame[:5].hex(), frame[9] & 7), ("28b52ffda0", 1))
    return frame[12:]


def check_fixed(where, data, change, deps):
    head = read_change(data)
    equal(f"{where}: hash", head["hash"], change["hash"])
    equal(f"{where}: actor", (head["actor"], head["fixed actor"]), (change["actor"], change["actor"]))
    expected = (deps, 1, change["start_op"], 0, "")
    equal(f"{where}: head", (head["deps"], head["seq"], head["start_op"], head["time"], head["message"]), expected)


def read_change(data):
    """The start of an Automerge change chunk: enough to check its hash and whose it is."""
    equal("magic and type", (data[:4].hex(), data[8]), ("856f4a83", 1))
    body_at = len(data) - leb(data, 9)[0]
    digest = hashlib.sha256(data[8:]).digest()
    equal("checksum", data[4:8], digest[:4])
    count, at = leb(data, body_at)
    deps = [data[at + 32 * one : at + 32 * one + 32].hex() for one in range(count)]
    length, actor_at = leb(data, at + 32 * count)
    actor = data[actor_at : actor_at + length]
    seq, at = leb(data, actor_at + length)
    start_op, at = leb(data, at)
    time, at = leb(data, at)
    length, at = leb(data, at)
    nameless = data[8:actor_at] + bytes(len(actor)) + data[actor_at + len(actor) :]
    nameless = data[:4] + hashlib.sha256(nameless).digest()[:4] + nameless
    return {
        "hash": digest.hex(), "deps": deps, "actor": actor.hex(), "seq": seq, "start_op": start_op, "time": time,
        "message": data[at : at + length].decode(), "fixed actor": name("fixed change", nameless.hex(), size=16),
    }


def chunk_size(data):
    length, at = leb(data, 9)
    return at + length


def leb(data, at):
    """An unsigned LEB128 number, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def check_frames():
    for vector in load("frames")["frames"]:
        frame = dict(kind=vector["kind"], frame=vector["frame"])
        equal(vector["name"], read_frame(raw(vector["bytes"])), frame)


def check_whispers():
    said = load("whispers")
    space = said["space"]
    equal("epoch of whispers", name("epoch", space, said["key"]), said["epoch"])
    for vector in said["whispers"]:
        where, frame = vector["name"], read_frame(raw(vector["bytes"]))["frame"]
        device, counter, sealed = vector["device"], frame["counter"].to_bytes(8, "big"), frame["sealed"]
        equal(f"{where}: device and prefix", (frame["device"], frame["epoch"]), (device, said["epoch"][:16]))
        parts = space, frame["epoch"], device, counter.hex(), sealed
        equal(f"{where}: signature", signed(device, "whisper", frame["signature"], *parts), True)
        opened = open_xchacha(raw(said["key"]), b"alliance/1 whisper" + raw(space, device) + counter, raw(sealed)) or b""
        equal(f"{where}: commitment", opened[:16], bytes(16))
        words, end, zeros = opened[16:].rpartition(b"\1")
        equal(f"{where}: padding", (end, set(zeros) <= {0}, (len(opened) - 16) % 256), (b"\1", True, 0))
        equal(f"{where}: padded no further", len(zeros) < 256, True)
        equal(f"{where}: words", words.hex(), vector["words"])
        equal(f"{where}: says", whole(WHISPER, words, 4096), vector["says"])


def check_direct(direct):
    """Two laptops up to a space of which both have proven that they are in it."""
    frames = direct["frames"]
    for vector in frames:
        frame = dict(kind=vector["kind"], frame=vector["frame"])
        equal(f"direct: {vector['kind']}", read_frame(raw(vector["bytes"])), frame)
    first, second = (vector["bytes"] for vector in frames[:2])
    length = (len(first) // 2).to_bytes(4, "big").hex()
    transcript = name("direct transcript", length, first, second, direct["binding"])
    equal("direct transcript", transcript, direct["transcript"])
    space = direct["space"]
    for vector in frames:
        fields, role = vector["frame"], dict(initiator="00", responder="01")[vector["from"]]
        if vector["kind"] == "prove":
            made = sign(raw(direct[vector["from"] + "_seed"]), b"alliance/1 prove" + raw(role, transcript)).hex()
            equal(f"direct: prove of {vector['from']}", made, fields["signature"])
        elif vector["kind"] == "names":
            names = fields["names"]
            equal(f"direct: named by {vector['from']}", name("space name", role, transcript, space) in names, True)
            equal(f"direct: order and number of {vector['from']}", (sorted(names), len(names) % 16), (names, 0))
        elif vector["kind"] in ("open", "opened"):
            channel = fields["channel"].to_bytes(4, "big").hex()
            good = signed(fields["device"], vector["kind"], fields["proof"], transcript, channel, space)
            equal(f"direct: proof of {vector['kind']}", good, True)


def check_handshake():
    handshake = load("handshake")
    check_direct(handshake["direct"])
    frames = handshake["frames"]
    for vector in frames:
        frame = dict(kind=vector["kind"], frame=vector["frame"])
        equal(f"handshake: {vector['kind']}", read_frame(raw(vector["bytes"])), frame)
    first, second = (vector["bytes"] for vector in frames[:2])
    length = (len(first) // 2).to_bytes(4, "big").hex()
    transcript = name("transcript", length, first, second)
    equal("transcript", transcript, handshake["transcript"])
    seeds = dict(initiator=("00", handshake["initiator_seed"]), responder=("01", handshake["responder_seed"]))
    for vector in frames:
        fields = vector["frame"]
        if vector["kind"] == "prove":
            role, seed = seeds[vector["from"]]
            made = sign(raw(seed), b"alliance/1 prove" + raw(role, transcript)).hex()
            equal(f"prove of {vector['from']}", made, fields["signature"])
        elif vector["kind"] == "open":
            channel = fields["channel"].to_bytes(4, "big").hex()
            good = signed(fields["device"], "open", fields["proof"], transcript, channel, fields["space"])
            equal("proof of open", good, True)
        elif vector["kind"] == "find":
            equal("proof of find", signed(fields["device"], "find", fields["proof"], transcript), True)
        elif vector["kind"] == "drop":
            good = signed(fields["device"], "drop", fields["proof"], transcript, fields["space"])
            equal("proof of drop", good, True)


def open_whisper(vector):
    frame = read_frame(spelled(vector["bytes"]))["frame"]
    space, key, device, sealed = vector["space"], vector["key"], frame["device"], frame["sealed"]
    counter = frame["counter"].to_bytes(8, "big")
    if len(raw(sealed)) > LIMITS["whisper"]:
        raise Refused("too large")
    if not signed(device, "whisper", frame["signature"], space, frame["epoch"], device, counter.hex(), sealed):
        raise Refused("signature")
    if frame["epoch"] != name("epoch", space, key)[:16]:
        raise Refused("sealed")
    opened = open_xchacha(raw(key), b"alliance/1 whisper" + raw(space, device) + counter, raw(sealed))
    words, end, zeros = (opened or b"")[16:].rpartition(b"\1")
    padded = -(-(len(words) + 1) // 256) * 256
    if not end or opened[:16] != bytes(16) or not set(zeros) <= {0} or len(opened) - 16 != padded:
        raise Refused("sealed")


def open_body(vector):
    aad = b"alliance/1 content" + raw(vector["space"], vector["device"], vector["place"])
    opened = open_xchacha(raw(vector["key"]), aad, raw(vector["body"]))
    if opened is None:
        raise Refused("sealed")
    if opened[:16] != bytes(16):
        raise Refused("uncommitted")
    plaintext, end, zeros = opened[16:].rpartition(b"\1")
    if not end or not set(zeros) <= {0} or len(opened) - 16 != padme(len(plaintext) + 1):
        raise Refused("padding")


def read_plaintext(data):
    content = whole(CONTENT, data, LIMITS["content_body"])
    documents = [(part["item"], part.get("writer")) for part in content["parts"]]
    if len(set(documents)) < len(documents) or any(head["chain"] != "content" for head in content["keeps"]):
        raise Refused("impossible")


def inflate(frame, length):
    """A zstd frame of stored and repeated blocks, as all in these vectors are, with its length in four bytes."""
    if length > LIMITS["inflated"]:
        raise Refused("budget")
    if length > 32_768 * len(frame):
        raise Refused("ratio")
    data, at, last = b"", 9, False
    if frame[:5].hex() != "28b52ffda0" or int.from_bytes(frame[5:9], "little") != length:
        raise Refused("inflate")
    while not last:
        head = int.from_bytes(frame[at : at + 3], "little")
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        block = frame[at + 3 : at + 3 + (1 if kind == 1 else size)]
        data += block * size if kind == 1 else block
        at += 3 + len(block)
        if kind > 1 or kind == 0 and len(block) < size:
            raise Refused("inflate")
    if at != len(frame) or len(data) != length:
        raise Refused("inflate")


def check_part(vector):
    if "preimage" in vector:
        if name("item", vector["preimage"], size=16) != vector["item"]:
            raise Refused("item")
        whole(PREIMAGE, raw(vector["preimage"]), LIMITS["preimage"])
    if vector.get("writer", vector["member"]) != vector["member"]:
        raise Refused("writer")
    data = spelled(vector["raw"])
    prefix = name("actor", vector["device"], vector["item"], vector.get("writer", "00" * 16), size=8)
    if vector["form"] == "snapshot":
        if data[8:9] != b"\0":
            raise Refused("not well formed")
        size = checked_chunk(data, 0)
        if size != len(data):
            raise Refused("not well formed")
        # The deflate bit of the specification of any column.
        at = leb(data, 9)[1]
        actors, at = leb(data, at)
        for _ in range(actors):
            length, at = leb(data, at)
            at += length
        heads, at = leb(data, at)
        at += 32 * heads
        for _ in range(2):
            columns, at = leb(data, at)
            for _ in range(columns):
                specification, at = leb(data, at)
                _, at = leb(data, at)
                if specification & 8:
                    raise Refused("compressed")
        return
    while data:
        size = checked_chunk(data, 1)
        head = read_change(data[:size])
        if not head["actor"].startswith(prefix) and head["actor"] != head["fixed actor"]:
            raise Refused("author" if len(head["actor"]) <= 64 else "not well formed")
        data = data[size:]


def checked_chunk(data, kind):
    """The size of a chunk of this type that stands there, whole and with its checksum."""
    if data[:4].hex() != "856f4a83" or len(data) < 10:
        raise Refused("not well formed")
    if data[8] == 2:
        raise Refused("compressed")
    if data[8] != kind:
        raise Refused("not well formed")
    try:
        length, at = leb(data, 9)
    except IndexError:
        raise Refused("not well formed") from None
    padded = at > 10 and data[at - 1] == 0
    if padded or length >= 1 << 64 or at + length > len(data):
        raise Refused("not well formed")
    if data[4:8] != hashlib.sha256(data[8 : at + length]).digest()[:4]:
        raise Refused("not well formed")
    return at + length


def check_invalid():
    invalid = load("invalid")
    for vector in invalid["headers"]:
        equal(vector["name"], refusal(read_header, raw(vector["bytes"])), vector["refusal"])
    for vector in invalid["entries"]:
        found = refusal(check_entry, vector["space"], vector["device"], vector["entry"])
        equal(vector["name"], found, vector["refusal"])
    for vector in invalid["controls"]:
        equal(vector["name"], refusal(read_control, spelled(vector["body"])), vector["refusal"].split(",")[0])
    for vector in invalid["frames"]:
        found = refusal(read_frame, spelled(vector["bytes"]))
        equal(vector["name"], found, vector["refusal"].split(",")[0])
    history = {vector["name"]: vector for vector in load("history")["entries"]}
    for vector in invalid["paths"]:
        chains = Chains(vector["space"])
        for held in (history[held] for held in vector["held"]):
            chains.judge(held["device"], held["header"]["chain"], held["entry"])
        found = refusal(chains.judge, vector["device"], vector["chain"], vector["entry"])
        equal(vector["name"], found, vector["refusal"])
    for vector in invalid["bodies"]:
        equal(vector["name"], refusal(open_body, vector), vector["refusal"])
    for vector in invalid["whispers"]:
        equal(vector["name"], refusal(open_whisper, vector), vector["refusal"])
    for vector in invalid["plaintexts"]:
        equal(vector["name"], refusal(read_plaintext, spelled(vector["bytes"])), vector["refusal"])
    for vector in invalid["packed"]:
        equal(vector["name"], refusal(inflate, raw(vector["packed"]), vector["length"]), vector["refusal"])
    for vector in invalid["changes"]:
        found = refusal(check_part, vector)
        # What is inside of columns is not looked at here.
        if found != "none" or vector["refusal"] in ("none", "item", "writer", "compressed"):
            equal(vector["name"], found, vector["refusal"])
    own_hello = load("handshake")["frames"][1]["bytes"]
    for vector in invalid["handshakes"]:
        if "bytes" not in vector:
            continue
        responder = Responder(own_hello)
        for frame in vector["before"]:
            responder.take(raw(frame))
        equal(vector["name"], refusal(responder.take, raw(vector["bytes"])), vector["refusal"])


check_ids()
check_history()
check_frames()
check_whispers()
check_handshake()
check_membership()
check_people()
check_documents()
check_invalid()
print("\n".join(wrong) or f"{checks} checks hold")
sys.exit(1 if wrong else 0)
