"""The membership of docs/protocol.md, rule by rule and as plainly as can be: what a set of entries means. Sets of entries
are sets of ids; nothing is quick here."""

from functools import cached_property


class Entry:
    """A control or content entry. `after` and `keeps` are lists of heads; `record` is nothing for content."""

    def __init__(self, history, id, device, header, after, kind=None, record=None, keeps=()):
        self.history, self.id, self.device, self.seq = history, id, device, header["seq"]
        self.chain, self.prev, self.after, self.kind, self.record = header["chain"], header.get("prev"), after, kind, record
        self.keeps = [head["id"] for head in keeps]

    def named(self, *chains):
        """What it names itself, by the chains that it says."""
        ids = [head["id"] for head in self.after if head["chain"] in chains]
        ids += self.keeps if "content" in chains else []
        return ids + ([self.prev] if self.prev and self.chain in chains else [])

    @cached_property
    def past(self):
        """Control entries before a control entry; the control view of a content entry."""
        found = frozenset()
        for id in self.named("control"):
            found |= self.history[id].past | {id}
        if self.chain == "content":
            for id in self.named("content"):
                found |= self.history[id].past
        return found

    @cached_property
    def content_past(self):
        """Content before it, also what control entries name."""
        found = frozenset()
        for entry in (self.history.entries.get(id) for id in self.named("control", "content")):
            if entry:
                found |= entry.content_past | ({entry.id} if entry.chain == "content" else frozenset())
        return found

    @cached_property
    def kept(self):
        """Content that it keeps, with its past."""
        return frozenset(self.keeps).union(*(self.history[id].content_past for id in self.keeps))


class History:
    def __init__(self, member_of, consented, founded):
        """`member_of(device)`, `consented(keys, member, consent, added)` and `founded(genesis)` are for whoever knows
        hashes and signatures."""
        self.entries, self.folds, self.verdicts, self.counted = {}, {}, {}, {}
        self.member_of, self.consented, self.founded = member_of, consented, founded

    def add(self, *arguments, **more):
        entry = Entry(self, *arguments, **more)
        self.entries[entry.id] = entry

    def __getitem__(self, id):
        return self.entries[id]

    def fold(self, ids):
        if ids not in self.folds:
            self.folds[ids] = Fold(self, ids)
        return self.folds[ids]

    def view(self, id):
        return self.fold(self[id].past)

    def valid(self, id):
        """What a valid entry does: its member, and introductions as (keys, member, role, renews, admits); or nothing."""
        if id not in self.verdicts:
            self.verdicts[id] = self.judge(self[id])
        return self.verdicts[id]

    def judge(self, e):
        places = all(
            (self[head["id"]].device, self[head["id"]].seq) == (head["device"], head["seq"])
            for head in e.after if head["chain"] == "control"
        )
        if not places:
            return None
        record = e.record
        if e.kind == "genesis":
            founder, words = record["founder"], record.get("recovery")
            if e.seq != 1 or e.past or founder["device"] != e.device or words and words["device"] == e.device:
                return None
            if not self.founded(record):
                return None
            member = self.member_of(e.device)
            keys = [(founder, member, "ordinary", None, False)]
            return member, keys + ([(words, member, "recovery", None, False)] if words else [])
        view = self.view(e.id)
        if e.kind == "redeem":
            return (None, []) if self.redeemed_invitation(e, view) else None
        author = view.devices.get(e.device)
        if not author or not author["live"] or author["role"] == "invite":
            return None
        member, role = author["member"], author["role"]
        if e.kind == "add device":
            if not self.consented(record["device"], member, record["consent"], record):
                return None
            role = "recovery" if role == record["role"] == "recovery" else "ordinary"
            return member, [(record["device"], member, role, record.get("renews"), False)]
        if e.kind == "invite":
            admits = view.kind == "alliance" and view.founder == e.device and view.other is None
            allowed = record["purpose"] == "own device" or admits
            return (member, [(record["key"], member, "invite", None, False)]) if allowed else None
        if e.kind == "confirm":
            return self.confirmed(e, view, member)
        if e.kind == "cut":
            target = record["device"]
            if not any(one[1] == member for one in view.introductions.get(target, [])):
                return None
            by = [self[one[5]].device for one in view.introductions[e.device]]
            if target in view.recovery and not (role == "recovery" and target in by):
                return None
        return member, []

    def redeemed_invitation(self, e, view):
        """The invitation that a redemption takes up, and the member that joins."""
        if e.device in view.cuts or e.device in view.redemptions:
            return None
        record = e.record
        words = record.get("recovery")
        for id in sorted(view.invitations.get(e.device, [])):
            inviter, purpose = self.valid(id)[0], self[id].record["purpose"]
            joins = inviter if purpose == "own device" else self.member_of(record["device"]["device"])
            agreed = self.consented(record["device"], joins, record["consent"])
            if words:
                agreed = agreed and words["device"] != record["device"]["device"]
                agreed = agreed and self.consented(words, joins, record.get("recovery_consent"))
            if agreed and (purpose == "own device" or joins != inviter):
                return id, joins
        return None

    def confirmed(self, e, view, member):
        redeem = self.entries.get(e.record["redeem"])
        if redeem is None or redeem.id not in e.past or redeem.kind != "redeem" or not self.valid(redeem.id):
            return None
        id, joins = self.redeemed_invitation(redeem, self.view(redeem.id))
        before = [self[one] for one in e.past if self[one].kind == "confirm" and self.valid(one)]
        if self[id].device != e.device or any(self[one.record["redeem"]].device == redeem.device for one in before):
            return None
        device, words = redeem.record["device"], redeem.record.get("recovery")
        if self[id].record["purpose"] == "own device":
            return (member, [(device, member, "ordinary", None, False)]) if joins == member else None
        if view.other is not None:
            return None
        keys = [(device, joins, "ordinary", None, True)]
        return member, keys + ([(words, joins, "recovery", None, True)] if words else [])

    def counting(self, control, content, facet):
        """Rule 10: of this content, what counts with the fold of these control entries."""
        if (control, content, facet) not in self.counted:
            fold, counts = self.fold(control), set()
            while True:
                more = {id for id in content if id not in counts and self.counts(id, content, fold, counts, facet)}
                if not more:
                    break
                counts |= more
            self.counted[control, content, facet] = counts
        return self.counted[control, content, facet]

    def counts(self, id, content, fold, counts, facet):
        e = self[id]
        author = self.fold(e.past).devices.get(e.device)
        if not author or not author["live"] or author["role"] == "invite" or e.device not in fold.introductions:
            return False
        kept = all(last and e.id in self[last].content_past for last in fold.cuts.get(e.device, []))
        if e.device in fold.devices and kept:
            return True
        member = fold.introductions[e.device][0][1]
        for s in (self[id] for id in content | fold.ids):
            if s.device == e.device or s.device not in fold.introductions or e.id not in s.content_past:
                continue
            if facet == "own" and fold.introductions[s.device][0][1] != member:
                continue
            believed = s.id in counts if s.chain == "content" else s.id in fold.standing and s.kind != "redeem"
            if believed and (e.id in s.kept or e.id in self.counting(s.past, s.content_past, facet)):
                return True
        return False


class Fold:
    """What a closed set of control entries means."""

    def __init__(self, history, ids):
        self.history, self.ids = history, ids
        self.valid = sorted(id for id in ids if history.valid(id))
        self.introduce()
        self.cut()
        self.fork()
        one_member = lambda all: len({one[1] for one in all}) == 1
        self.introductions = {key: all for key, all in self.introductions.items() if one_member(all)}
        self.stand()
        self.name_devices()

    def introduce(self):
        self.introductions, self.invitations, self.redemptions = {}, {}, {}
        self.kind = self.founder = self.genesis = None
        self.rivals, self.recovery = [], set()
        for id in self.valid:
            e = self.history[id]
            for keys, member, role, renews, admits in self.history.valid(id)[1]:
                one = (keys, member, role, renews, admits, id)
                self.introductions.setdefault(keys["device"], []).append(one)
                if admits and id not in self.rivals:
                    self.rivals.append(id)
            if e.kind == "genesis":
                self.kind, self.founder, self.genesis = e.record["kind"], e.device, id
            elif e.kind == "invite":
                self.invitations.setdefault(e.record["key"]["device"], []).append(id)
            elif e.kind == "redeem":
                self.redemptions.setdefault(e.device, []).append(id)
        for key, all in self.introductions.items():
            if any(one[2] != "invite" for one in all):
                self.introductions[key] = all = [one for one in all if one[2] != "invite"]
            if any(one[2] == "recovery" for one in all):
                self.recovery.add(key)

    def cut(self):
        """Rule 3. A cut is noted as the last entry that it keeps."""
        self.cuts, self.evidence = {}, {id for all in self.redemptions.values() for id in all}
        for id in self.valid:
            e, member = self.history[id], self.history.valid(id)[0]
            if e.kind == "cut":
                self.cuts.setdefault(e.record["device"], []).append(id)
            elif e.kind == "leave":
                for key, all in self.introductions.items():
                    if key not in self.recovery and any(one[1] == member and one[5] in e.past for one in all):
                        self.cuts.setdefault(key, []).append(id)
            else:
                continue
            self.evidence.add(id)

    def fork(self):
        """Rule 4."""
        places = {}
        for id in self.ids:
            places.setdefault((self.history[id].device, self.history[id].seq), []).append(id)
        for device in {device for device, _ in places}:
            forked = sorted(seq for key, seq in places if key == device and len(places[key, seq]) > 1)
            only_invite = [one[2] for one in self.introductions.get(device, [])]
            if not forked or device in self.recovery or only_invite and set(only_invite) == {"invite"}:
                continue
            self.cuts.setdefault(device, []).append(places.get((device, forked[0] - 1), [None])[0])
            self.evidence |= {id for seq in forked for id in places[device, seq]}

    def keeps(self, device, id):
        return all(last and (id == last or id in self.history[last].past) for last in self.cuts.get(device, []))

    def introduced(self, device):
        """Its introductions that stand."""
        all = self.introductions.get(device, [])
        return [one for one in all if (one[5] == self.chosen if one[4] else one[5] in self.standing)]

    def stand(self):
        """Rules 5 to 8."""
        history, self.standing, self.chosen, self.other = self.history, set(), None, None
        if self.genesis:
            self.standing.add(self.genesis)
            founders = history.member_of(self.founder)
            self.stand_of(founders)
        if self.rivals:
            seen = set()
            for id in self.standing:
                chosen = history.view(id).chosen
                other_device = chosen and history[chosen].device != history[id].device
                if other_device and history.valid(id)[0] == founders:
                    seen.add(chosen)
            self.chosen = min(self.rivals, key=lambda id: (id not in seen, id))
            self.other = history.valid(self.chosen)[1][0][1]
            self.stand_of(self.other)
        self.standing |= {id for all in self.redemptions.values() for id in all}

    def stand_of(self, member):
        mine = [id for id in self.valid if self.history.valid(id)[0] == member]
        while True:
            more = {id for id in mine if id not in self.standing and self.stands(id, mine)}
            if not more:
                return
            self.standing |= more

    def stands(self, id, mine):
        device = self.history[id].device
        if not self.introduced(device):
            return False
        endorsed = (
            s in self.standing and self.history[s].device != device and id in self.history.view(s).standing for s in mine
        )
        return self.keeps(device, id) or any(endorsed)

    def name_devices(self):
        """Rule 9."""
        self.devices = {}
        for key in self.introductions:
            all = sorted(self.introduced(key), key=lambda one: one[5])
            if not all:
                continue
            keys, member, role = all[0][:3]
            live = key not in self.cuts and not (role == "invite" and key in self.redemptions)
            role = "recovery" if any(one[2] == "recovery" for one in all) else role
            self.devices[key] = dict(member=member, role=role, live=live, renews={one[3] for one in all if one[3]})
        leavers = {self.history.valid(id)[0] for id in self.valid if self.history[id].kind == "leave"}
        stayed = {it["member"] for it in self.devices.values() if it["live"] and it["role"] == "ordinary"}
        self.left = leavers - stayed

    def lineage(self, device):
        found, open = {device}, [device]
        while open:
            it = self.devices.get(open.pop())
            for old in it["renews"] if it else ():
                if old not in found and self.devices.get(old, {}).get("member") == it["member"]:
                    found.add(old)
                    open.append(old)
        return found

    def epochs(self, writer):
        """The epochs that a writer may use, and those it may use once it has granted them."""
        targets = {key for key, it in self.devices.items() if it["live"] and it["member"] not in self.left}
        minted = {id for id in self.ids if self.history[id].kind == "epoch"}
        use, grant = set(), set()
        for id in minted:
            e = self.history[id]
            known = {self.history[one].record["id"] for one in minted & e.past}
            holders = {e.device} | {wrap["device"] for wrap in e.record["wraps"]}
            for one in (self.history[one] for one in self.valid):
                if one.kind == "grant" and one.record["epoch"] == id and id in one.past:
                    holders |= {wrap["device"] for wrap in one.record["wraps"]}
            fresh = id in self.standing and self.devices[e.device]["live"] and self.evidence <= e.past
            fresh = fresh and all(parent["epoch"] in known for parent in e.record["parents"])
            if fresh and writer in holders and holders <= targets:
                (use if holders == targets else grant).add(id)
        return use, grant
