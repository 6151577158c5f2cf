"""The reference model of the membership rules in docs/protocol.md: small, slow, obvious; standard library only, no crypto.

An entry is a node in a DAG. cpast = control entries before it, by control edges only (what a relay can compute);
fpast = everything before it (control + content); vpast = its control view: cpast for a control entry, and for content
what it reaches through content and control, but not through content that a control entry names. A fold is a pure
function of a causally closed set (bit mask). RULES = the rules; each can be switched off to get its counterexample.

The last seven are rules that earlier forms of this model lacked: content forks used to bound content at the common
prefix, a control view used to go through the content that a control entry names (for which no replica waits), any
grant counted, and an invitation's key could write, claim a device's key, and endorse by its redemption, and whoever ended one key
again and again made everybody mint as many epochs.
"""
from collections import defaultdict

RULES = dict(
    final_cuts=True,      # off: rank order (recovery, depth, id), a cut by a cut device not in that cut's past is void
    least_fixpoint=True,  # off: an endorser need not stand itself
    view_endorse=True,    # off: naming endorses, even by an author that knew the cut
    rec_uncuttable=True,  # off: an ordinary device may cut the recovery key
    rec_from_rec=True,    # off: any device may add a key with the rights of a recovery key
    confirm_final=True,   # off: Confirm of a member is bounded by a cut like any control entry
    founder_admits=True,  # off: any founder-member device invites and confirms a member, ties by id
    one_member=True,      # off: a key introduced (with its consent) for two members is not void
    consent=True,         # off: an AddDevice needs no signature of the new key
    leave_spares_rec=True,# off: Leave ends the recovery key too
    leave_known=True,     # off: Leave also ends devices added concurrently or hidden from it
    cut_past=True,        # off: only others' naming counts, a Leave does not carry its own author's past
    epoch_after=True,     # off: an epoch need not have every known cut in its past
    epoch_exact=True,     # off: an epoch with a wrap to a device that is not live is used
    fork_spares_rec=True, # off: a fork of the recovery key cuts it
    content_fork_free=True,   # off: a fork of a content chain bounds content at its common prefix
    view_by_control=True,     # off: a control view goes on through content that a control entry names
    grant_valid=True,         # off: a Grant counts that is not valid or has no such epoch in its past
    invite_writes_nothing=True,  # off: content by an invitation's key counts
    invite_claims_nothing=True,  # off: an Invite of a device's key introduces that key for the inviter's member
    redeem_endorses_nothing=True,# off: a Redeem endorses content that it names
    epoch_per_key=True,   # off: an epoch has every known cut, fork and redemption in its past, also those of keys it knows to be dead
)

def bits(m):
    while m:
        b = m & -m
        yield b.bit_length() - 1
        m ^= b

class Entry:
    __slots__ = 'i dev chain seq prev after kind a h cpast fpast vpast'.split()
    def __repr__(s):
        return f"#{s.i} {s.dev}{'' if s.chain=='c' else '~'}{s.seq} {s.kind}{s.a or ''} after={list(s.after)}"

class Fold: pass

class World:
    def __init__(w, rules=RULES):
        w.E = []; w.R = rules; w.vm = {}; w.fm = {}; w.cm = {}; w.cmask = 0; w.rec_of = {}
    def add(w, dev, chain, prev, after, kind, a=None, h=0):
        e = Entry(); e.i = len(w.E); e.dev, e.chain, e.prev, e.kind, e.a, e.h = dev, chain, prev, kind, a or {}, h
        e.after = tuple(sorted(after)); e.seq = 1 if prev is None else w.E[prev].seq + 1
        ps = set(after) | ({prev} if prev is not None else set())
        e.cpast = e.fpast = e.vpast = 0
        for p in ps:
            q = w.E[p]; e.fpast |= q.fpast | 1 << p
            if q.chain == 'c': e.cpast |= q.cpast | 1 << p
            if q.chain == 'c' or chain == 'k': e.vpast |= q.vpast | (1 << p if q.chain == 'c' else 0)
        if chain == 'c': w.cmask |= 1 << e.i
        if not w.R['view_by_control']: e.vpast = e.fpast & w.cmask & ~(1 << e.i)
        w.E.append(e); return e
    def seen(w, e):
        """what an entry's author had: its control view and the content before it"""
        return e.vpast | e.fpast & ~w.cmask if w.R['view_by_control'] else e.fpast
    # ---- step 1: validity, from the entry's own past only (never changes when more arrives)
    def valid(w, i):
        v = w.vm.get(i)
        if v is None:
            v = w.vm[i] = w._valid(w.E[i])
        return v
    def _valid(w, e):
        """-> None or (member of the author, {device introduced: (member, role)})"""
        R = w.R
        if e.kind == 'Genesis':
            if e.cpast or e.seq != 1: return None
            d = {e.dev: ('A', 'ord')}
            if e.a.get('rec'): d[e.a['rec']] = ('A', 'rec')
            return ('A', d)
        F = w.fold(e.cpast)
        if e.kind == 'Redeem':
            inv = F.invite.get(e.dev)
            if inv is None or e.dev in F.redeemed or (e.dev in F.cuts): return None
            if not e.a.get('consent'): return None
            if w.E[inv].a['purpose'] == 'member' and e.a['new'] == F.founder: return None   # a member is named by its first device
            return ('?', {})
        m, role = F.who.get(e.dev, (None, None))
        if R['final_cuts']:
            ok = e.dev in F.live
        else:  # rank order: only a cut device's own knowledge of the cut would stop it; the fold decides the rest
            ok = m is not None and (e.dev in F.live or e.kind == 'Cut')
        if not ok or role == 'inv': return None
        if e.kind == 'AddDevice':
            if R['consent'] and not e.a.get('consent'): return None
            r = 'ord'
            if e.a.get('role') == 'rec' and (role == 'rec' or not R['rec_from_rec']): r = 'rec'
            return (m, {e.a['new']: (m, r)})
        if e.kind == 'Invite':
            if e.a['purpose'] == 'member':
                if m != 'A' or F.joiner: return None
                if R['founder_admits'] and e.dev != F.founder: return None
            return (m, {e.a['key']: (m, 'inv')})
        if e.kind == 'Confirm':
            r = w.E[e.a['redeem']]
            if not e.cpast >> r.i & 1 or not w.valid(r.i): return None
            inv = w.E[F.invite[r.dev]]
            if inv.dev != e.dev: return None
            for c in bits(e.cpast):
                c = w.E[c]
                if c.kind == 'Confirm' and w.valid(c.i) and w.E[c.a['redeem']].dev == r.dev: return None
            if inv.a['purpose'] == 'member':
                if F.joiner: return None
                j = 'M:' + r.a['new']; d = {r.a['new']: (j, 'ord')}
                if r.a.get('rec'): d[r.a['rec']] = (j, 'rec')
                return (m, d)
            return (m, {r.a['new']: (m, 'ord')})
        if e.kind == 'Cut':
            t = e.a['dev']
            if not any(x[0] == m for x in F.intro_of.get(t, ())): return None
            if t in F.recs and R['rec_uncuttable']:
                if not (role == 'rec' and any(w.E[x[1]].dev == t for x in F.intro_of[e.dev])): return None
            return (m, {})
        return (m, {})   # Leave, Epoch, Grant
    # ---- the fold of a causally closed set of control entries
    def fold(w, S):
        f = w.fm.get(S)
        if f is None:
            f = w.fm[S] = w._fold(S)
        return f
    def _fold(w, S):
        R, E = w.R, w.E; F = Fold(); F.S = S
        V = [i for i in bits(S) if w.valid(i)]
        F.founder = None; F.intro_of = defaultdict(list); F.invite = {}; F.redeemed = set(); F.recs = set()
        confirms = []; by = defaultdict(list); F.mem = {}
        for i in bits(S): by[E[i].dev].append(i)
        for i in V:
            e = E[i]; m, intro = w.vm[i]; F.mem[i] = m
            if e.kind == 'Genesis': F.founder = e.dev
            if e.kind == 'Invite': F.invite[e.a['key']] = i
            if e.kind == 'Redeem': F.redeemed.add(e.dev)
            for d, (dm, r) in intro.items():
                F.intro_of[d].append((dm, i, r))
                if r == 'rec': F.recs.add(d)
            if e.kind == 'Confirm' and w.admits(i): confirms.append(i)
        if R['invite_claims_nothing']:   # an Invite needs no consent, so it says nothing about a key that is a device
            for d, xs in F.intro_of.items():
                if any(x[2] != 'inv' for x in xs): F.intro_of[d] = [x for x in xs if x[2] != 'inv']
        claims = {d: {x[0] for x in xs} for d, xs in F.intro_of.items()}
        invited = {d for d, xs in F.intro_of.items() if all(x[2] == 'inv' for x in xs)}
        F.void = set()
        for d, xs in list(F.intro_of.items()):   # a key introduced for two members counts for neither (only its holder can do that)
            if R['one_member'] and len({x[0] for x in xs}) > 1: del F.intro_of[d]; F.recs.discard(d); F.void.add(d)
        # step 2: effective cuts. cut[d] = list of masks: the entries of d that this cut leaves counting
        F.ends = defaultdict(list)   # for each dead key what tells so: masks, and how many of a mask are needed
        F.cuts = cuts = defaultdict(list); F.cutids = 0; F.content_bound = defaultdict(list)
        def cut(d, cmask, fmask):
            cuts[d].append(cmask); F.content_bound[d].append(fmask)
        taken = [i for i in V if E[i].kind == 'Cut']
        if not R['final_cuts']: taken = w.rank_order(taken, F)
        for i in taken:
            F.cutids |= 1 << i
            if F.mem[i] in claims.get(E[i].a['dev'], ()): cut(E[i].a['dev'], E[i].cpast | 1 << i, E[i].fpast | 1 << i); F.ends[E[i].a['dev']].append((1 << i, 1))
        for i in V:
            if E[i].kind == 'Leave':
                F.cutids |= 1 << i; m = F.mem[i]
                for d, xs in list(F.intro_of.items()):
                    # a Leave is a Cut of every device of its member that its past introduces (off: of those that come later, too)
                    known = any(x[0] == m and E[i].cpast >> x[1] & 1 for x in xs)
                    late = any(x[0] == m for x in xs) and not any(E[x[1]].cpast >> i & 1 for x in xs)
                    if known or (late and not R['leave_known']):
                        if d in F.recs and R['leave_spares_rec']: continue
                        keep_c, keep_f = E[i].cpast | 1 << i, E[i].fpast | 1 << i
                        if not R['cut_past'] and d == E[i].dev:
                            mine = sum(1 << x for x in bits(S) if E[x].dev == d); keep_c &= ~mine; keep_f = 0
                        cut(d, keep_c, keep_f); F.ends[d].append((1 << i, 1))
        F.forks = 0
        for d, xs in by.items():
            seqs = defaultdict(list)
            for i in xs: seqs[E[i].seq].append(i)
            fk = [s for s, l in seqs.items() if len(l) > 1]
            if fk and d not in invited and not (d in F.recs and R['fork_spares_rec']):
                low = sum(1 << i for i in xs if E[i].seq < min(fk))
                # content that the common control prefix' author had is not cut by a control fork's position: only naming counts
                cut(d, low, w.content_named_by(low))
                for s in fk:
                    for i in seqs[s]: F.forks |= 1 << i
                    F.ends[d].append((sum(1 << i for i in seqs[s]), 2))
        # step 3: standing, a least fixpoint; founder's member first, then the one other member
        F.stand = 0; F.joiner = F.chosen = None
        def run(member):
            changed = True
            while changed:
                changed = False
                for i in V:
                    if F.stand >> i & 1 or F.mem[i] != member: continue
                    if w.stands(i, F, V): F.stand |= 1 << i; changed = True
        run('A')
        if not R['confirm_final']: confirms = [c for c in confirms if F.stand >> c & 1]
        if confirms:
            def endorsed(c):
                return any(F.mem[s] == 'A' and F.stand >> s & 1 and E[s].dev != E[c].dev and w.fold(E[s].cpast).chosen == c for s in V)
            F.chosen = min(confirms, key=lambda c: (not endorsed(c), E[c].h)) if R['founder_admits'] else min(confirms, key=lambda c: E[c].h)
            F.joiner = next(x[0] for x in w.vm[F.chosen][1].values())
            run(F.joiner)
        for i in V:   # Redeem has no member; it counts when confirmed
            if E[i].kind == 'Redeem': F.stand |= 1 << i
        # step 4: who is live
        F.who = {}; F.live = set()
        for d, xs in F.intro_of.items():
            st = [x for x in xs if w.intro_stands(x, F)]
            if not st: continue
            F.who[d] = (st[0][0], 'rec' if any(x[2] == 'rec' for x in st) else st[0][2])
            if not cuts.get(d) and not (st[0][2] == 'inv' and d in F.redeemed): F.live.add(d)
        left = {F.mem[i] for i in V if E[i].kind == 'Leave'}
        F.left = {m for m in left if not any(F.who[d] == (m, 'ord') for d in F.live)}
        F.wrap = {d for d in F.live if not (F.who[d][0] in F.left)}
        return F
    def content_named_by(w, cm):
        m = 0
        for i in bits(cm): m |= w.E[i].fpast
        return m | cm
    def admits(w, i):
        """a Confirm of purpose member: introduces a device into a member other than its author's"""
        m, intro = w.vm[i]; return any(x[0] != m for x in intro.values())
    def intro_stands(w, x, F):
        m, i, r = x
        if w.E[i].kind == 'Confirm' and w.admits(i): return F.chosen == i
        return bool(F.stand >> i & 1)
    def stands(w, i, F, V):
        E, e, R = w.E, w.E[i], w.R
        if e.kind == 'Genesis': return True
        if not any(w.intro_stands(x, F) for x in F.intro_of.get(e.dev, ())): return False
        if not F.cuts.get(e.dev): return True
        if all(c >> i & 1 for c in F.cuts[e.dev]): return True
        for s in V:
            if E[s].dev == e.dev or F.mem[s] != F.mem[i] or not E[s].cpast >> i & 1: continue
            if R['least_fixpoint'] and not F.stand >> s & 1: continue
            if not R['view_endorse'] or w.fold(E[s].cpast).stand >> i & 1: return True
        return False
    def rank_order(w, ks, F):
        E = w.E
        def depth(d, seen=()):
            if d in seen: return 99
            return min([0 if E[x[1]].dev == d else 1 + depth(E[x[1]].dev, seen + (d,)) for x in F.intro_of.get(d, ())] or [99])
        ks = sorted(ks, key=lambda i: (E[i].dev not in F.recs, depth(E[i].dev), E[i].dev, E[i].seq, E[i].h))
        taken = []
        for i in ks:
            bad = [k for k in taken if E[k].a['dev'] == E[i].dev and not E[k].cpast >> i & 1]
            if not bad: taken.append(i)
        return taken
    # ---- content: which entries count, per facet class ('shared' | 'own'), in a full causally closed set
    def content(w, S, cls):
        key = (S, cls); r = w.cm.get(key)
        if r is not None: return r
        E = w.E; F = w.fold(S & w.cmask); C = [i for i in bits(S & ~w.cmask)]
        cand = []
        for i in C:
            e = E[i]; G = w.fold(e.vpast)
            if e.dev in G.live and e.dev in F.intro_of and not (w.R['invite_writes_nothing'] and G.who[e.dev][1] == 'inv'): cand.append(i)
        # a fork of the content chain leaves its common prefix and what others had counted
        r = 0; changed = True
        fb = {}
        seqs = defaultdict(list)
        for i in C if not w.R['content_fork_free'] else (): seqs[(E[i].dev, E[i].seq)].append(i)
        for (d, s), l in seqs.items():
            if len(l) > 1: fb[d] = min(fb.get(d, 10**9), s)
        while changed:
            changed = False
            for i in cand:
                if r >> i & 1: continue
                e = E[i]; m = F.intro_of[e.dev][0][0]
                ok = e.dev in F.who and all(b >> i & 1 for b in F.content_bound.get(e.dev, ())) and not (e.dev in fb and e.seq >= fb[e.dev])
                if not ok:
                    for s in bits(S):
                        q = E[s]
                        if q.dev == e.dev or not q.fpast >> i & 1 or q.dev not in F.intro_of: continue
                        if cls == 'own' and F.intro_of[q.dev][0][0] != m: continue
                        if not (F.stand >> s & 1 if q.chain == 'c' else r >> s & 1): continue
                        if w.R['redeem_endorses_nothing'] and q.kind == 'Redeem': continue
                        if w.content(w.seen(q), cls) >> i & 1: ok = True; break
                if ok: r |= 1 << i; changed = True
        w.cm[key] = r
        return r
    # ---- epoch choice
    def cut_evidence(w, F):
        m = F.cutids | F.forks
        for i in bits(F.S):
            if w.E[i].kind == 'Redeem' and w.valid(i): m |= 1 << i
        return m
    def knows_ends(w, e, F):
        """whether an epoch's past says of each dead key that it is dead"""
        if not w.R['epoch_after']: return True
        if not w.R['epoch_per_key']: return not w.cut_evidence(F) & ~e.cpast
        ends = {d: list(x) for d, x in F.ends.items()}
        for i in bits(F.S):
            d = w.E[i].dev   # a Redeem ends a key that is an invitation's and nothing else
            if w.E[i].kind == 'Redeem' and w.valid(i) and all(x[2] == 'inv' for x in F.intro_of.get(d, ())): ends.setdefault(d, []).append((1 << i, 1))
        return all(any((m & e.cpast).bit_count() >= n for m, n in x) for x in ends.values())
    def holders(w, ep, S):
        h = set(w.E[ep].a['wraps']) | {w.E[ep].dev}
        for i in bits(S):
            if w.E[i].kind == 'Grant' and w.E[i].a['epoch'] == ep and w.E[i].a['ok'] and w.granted(i, ep):
                to = w.E[i].a['to']; h.update([to] if isinstance(to, str) else to)
        return h
    def granted(w, i, ep): return not w.R['grant_valid'] or (w.valid(i) and w.E[i].cpast >> ep & 1)
    def usable(w, ep, F):
        e = w.E[ep]
        if not w.valid(ep) or not F.stand >> ep & 1 or e.dev not in F.live: return False
        if not w.knows_ends(e, F): return False
        h = w.holders(ep, F.S)
        if not F.wrap <= h: return False
        if w.R['epoch_exact'] and h - F.wrap: return False
        return True
    def openers(w, S):
        """who can really open each epoch, following wraps, grants and child -> parent"""
        eps = [i for i in bits(S) if w.E[i].kind == 'Epoch']
        op = {i: w.holders(i, S) for i in eps}
        for i in reversed(eps):
            for p in w.E[i].a['parents']: op[p] |= op[i]
        return op
