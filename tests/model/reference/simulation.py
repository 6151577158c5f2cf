#!/usr/bin/env python3
"""Random histories of honest devices and one byzantine device with its puppets, and the properties they must have.

  python3 simulation.py --runs 20000 --jobs 2        random histories, all properties
  python3 simulation.py --mutants                    switch each rule off, show the smallest failing history
"""
import random, argparse, time
from collections import defaultdict

from membership import RULES, World, bits

class Bad(Exception): pass

class Sim:
    def __init__(s, seed, rules=RULES, maxc=22, byz=True):
        s.r = random.Random(seed); s.w = World(rules); s.view = {}; s.last = {}; s.prevview = {}
        s.byz = set(); s.T = None; s.want_byz = byz; s.count = defaultdict(int); s.maxc = maxc
        s.sealed = []; s.late = {}; s.taint = set(); s.stats = defaultdict(int); s.member_guess = {}
        s.new = defaultdict(int)
        g = s.put('A0', 'c', [], 'Genesis', dict(rec='RA'))
        s.view['A0'] = s.view['RA'] = 1 << g.i
        s.honest_member = {'A0': 'A', 'RA': 'A'}
    # ------------------------------------------------------------------ helpers
    def put(s, d, chain, after, kind, a=None, prev='last'):
        if prev == 'last': prev = s.last.get((d, chain))
        e = s.w.add(d, chain, prev, after, kind, a, s.r.getrandbits(32))
        s.last[d, chain] = e.i
        if d in s.view and d not in s.byz: s.see(d, s.view[d] | 1 << e.i)
        return e
    def heads(s, V, chain=None):
        c = V & s.w.cmask; k = V & ~s.w.cmask; past_c = past_f = 0
        for i in bits(V):
            past_f |= s.w.E[i].fpast
            if s.w.E[i].chain == 'c': past_c |= s.w.E[i].cpast
        return [i for i in bits(c & ~past_c)] + [i for i in bits(k & ~past_f)]
    def close(s, i): return s.w.E[i].fpast | 1 << i
    def fold(s, V): return s.w.fold(V & s.w.cmask)
    def ncontrol(s): return bin(s.w.cmask).count('1')
    def see(s, d, V2):
        V1 = s.view[d]; s.view[d] = V2
        s.check_step(V1, V2, d)
        F = s.fold(V2)
        for i in bits(V2 & ~V1):     # taint: an honest device of the cut device's member had it in view with no cut excluding it
            pass
        for i, m in s.late.items():
            if V2 >> i & 1 and s.honest_member.get(d) == m and F.stand >> i & 1 and not any(not c >> i & 1 for c in F.cuts.get(s.w.E[i].dev, ())): s.taint.add(i)
    # ------------------------------------------------------------------ properties checked on every growth of a view
    def lost_member(s, F1, F2):
        w = s.w
        def seen(c): return any(F2.mem[k] == 'A' and F2.stand >> k & 1 and w.E[k].dev != F2.founder and w.fold(w.E[k].cpast).chosen == c for k in F2.mem)
        if seen(F1.chosen) and not seen(F2.chosen): raise Bad('P2 joiner lost although seen')
        s.stats['unmembered by founder fork'] += 1
    def pure_chain(s, d, F, seen=()):
        """d and everybody on some introduction path of d is uncut"""
        if d in seen or F.cuts.get(d): return False
        for m, i, r in F.intro_of.get(d, ()):
            a = s.w.E[i].dev
            if a == d or F.chosen == i: return True
            if F.stand >> i & 1 and s.pure_chain(a, F, seen + (d,)): return True
        return False
    def check_step(s, V1, V2, who=''):
        w = s.w; F1, F2 = s.fold(V1), s.fold(V2)
        for d in F1.cuts:
            if d in F2.live and d not in F1.live and not any(w.E[i].dev.startswith('R') and F2.S & ~F1.S & (1 << i) for m, i, r in F2.intro_of[d]):
                raise Bad(f"P4 dead device {d} is live again")
        if F1.joiner and F1.joiner[2:] not in s.byz and F1.joiner != F2.joiner:
            if F2.joiner is None or not s.T == F2.founder: raise Bad(f"P2 joiner {F1.joiner} un-membered -> {F2.joiner}")
            if len([1 for i in bits(F2.S) if w.E[i].kind == 'Confirm' and w.valid(i)]) > 1: s.lost_member(F1, F2)
            else: raise Bad("P2 joiner un-membered without a second confirm")
        lost = F1.stand & ~F2.stand
        for i in bits(lost):
            d = w.E[i].dev
            if w.E[i].kind != 'Redeem' and d not in s.byz and d != s.T and s.pure_chain(d, F2) and (F2.who.get(d) == F1.who.get(d)):
                raise Bad(f"P2 control entry {i} of uncut {d} stopped standing")
        for cls in ('shared', 'own'):
            lost = w.content(V1, cls) & ~w.content(V2, cls)
            for i in bits(lost):
                d = w.E[i].dev
                m = F2.who.get(d, ('', ''))[0]
                if d in s.byz or d == s.T: continue
                if s.pure_chain(d, F2): raise Bad(f"P2 {cls} content {i} of uncut {d} stopped counting")
                # a device only ended by its own member's Leave loses nothing the leaver had; a sole device nothing at all
                if d in F2.who and len(F2.cuts.get(d, ())) == 1 and any(w.E[k].kind == 'Leave' and w.E[k].dev == d and w.E[k].fpast >> i & 1 for k in bits(F2.cutids)):
                    raise Bad(f"P2 {cls} content {i} of {d} lost by its own Leave")
        for k in bits(V2):
            q = w.E[k]
            if q.dev in s.byz or q.dev == s.T or q.dev not in F2.who or not s.pure_chain(q.dev, F2) or (F2.chosen != w.fold(q.cpast).chosen and w.fold(q.cpast).chosen is not None): continue
            miss = w.content(w.seen(q), 'shared') & ~w.content(V2, 'shared')
            miss = sum(1 << i for i in bits(miss) if w.E[i].dev in F2.intro_of)
            if miss and (q.chain == 'k' or F2.stand >> k & 1): raise Bad(f"P2 shared content {list(bits(miss))} counted by uncut {q.dev} in {k} stopped counting")
            if q.chain == 'c' and F2.stand >> k & 1:
                G = w.fold(q.cpast); miss = [i for i in bits(G.stand & ~F2.stand) if w.E[i].dev in F2.who and w.E[i].kind != 'Redeem' and F2.who[w.E[i].dev][0] == F2.who[q.dev][0]]
                if miss: raise Bad(f"P2 control {miss} counted by uncut {q.dev} in {k} stopped standing")
        for d in F2.recs:
            if d in ('RA', 'RB') and d in F2.who and d not in F2.live: raise Bad(f"P3/P5 recovery key {d} is dead")
            if d not in ('RA', 'RB') and d in s.byz and d in F2.live and not any(w.E[x[1]].dev.startswith('R') for x in F2.intro_of[d]) and not F2.who[d][0].endswith(tuple(s.byz)):
                raise Bad(f"P3 thief key {d} has recovery rights")
        for d, (m, r) in F2.who.items():
            if d not in s.byz and d != s.T and s.honest_member.get(d, m) != m: raise Bad(f"P4 {d} claimed for {m}")
        for d in F2.cuts:
            hm = s.honest_member.get(d) if d not in s.byz and d != s.T else None
            for i in bits(F2.cutids):
                if w.E[i].kind == 'Cut' and w.E[i].a['dev'] == d and hm and F2.mem[i] != hm: raise Bad(f"P4 {d} cut by another member")
    # ------------------------------------------------------------------ honest devices
    def reach(s, d): return [x for x in s.view if x not in s.byz and x != d]
    def deliver(s):
        r = s.r; ds = [d for d in s.view if d not in s.byz]
        d = r.choice(ds); n = len(s.w.E)
        for _ in range(r.randint(1, 3)):
            V2 = s.view[d] | s.close(r.randrange(n))
            if V2 != s.view[d]: s.see(d, V2)
    def fresh(s, m):
        s.new[m] += 1; return f"{m[2:] + 'd' if len(m) > 1 else m}{s.new[m]}"
    def honest(s):
        r, w = s.r, s.w; ds = [d for d in s.view if d not in s.byz]
        d = r.choice(ds); V = s.view[d]; F = s.fold(V)
        if d not in F.live: return
        m, role = F.who[d]; H = s.heads(V)
        if role == 'rec':
            if r.random() < .12: s.recover(d)
            return
        own = [x for x, (xm, xr) in F.who.items() if xm == m and x != d and xr == 'ord']
        keys = [x for x, (xm, xr) in F.who.items() if xm == m and xr == 'inv' and x in F.live]
        x = r.random()
        pend = [i for i in bits(F.S) if w.E[i].kind == 'Redeem' and w.valid(i) and w.E[F.invite[w.E[i].dev]].dev == d
                and not any(w.E[k].kind == 'Confirm' and w.E[w.E[k].a['redeem']].dev == w.E[i].dev and w.valid(k) for k in bits(F.S))]
        if pend and x < .8:
            i = pend[0]
            if w.E[F.invite[w.E[i].dev]].a['purpose'] == 'own' or not F.joiner:
                s.put(d, 'c', H, 'Confirm', dict(redeem=i))
                if w.E[F.invite[w.E[i].dev]].a['purpose'] == 'own': s.honest_member.setdefault(w.E[i].a['new'], m)
        elif x < .16 and s.new[m] < 3:
            n = s.fresh(m); s.honest_member[n] = m
            e = s.put(d, 'c', H, 'AddDevice', dict(new=n, consent=True)); s.view[n] = s.close(e.i)
            s.maybe_byz(n)
        elif x < .36 and m == 'A' and not F.joiner and not keys and (d == F.founder or not w.R['founder_admits']):
            s.put(d, 'c', H, 'Invite', dict(key=f"i{len(w.E)}", purpose='member'))
        elif x < .39 and s.new[m] < 3:
            s.put(d, 'c', H, 'Invite', dict(key=f"i{len(w.E)}", purpose='own'))
        elif x < .47 and own:
            t = r.choice(own)
            if t not in F.cuts: s.put(d, 'c', H, 'Cut', dict(dev=t))
        elif x < .49 and keys: s.put(d, 'c', H, 'Cut', dict(dev=r.choice(keys)))
        elif x < .50 and m != 'A': s.put(d, 'c', H, 'Leave')
        else: s.write(d)
    def maybe_byz(s, n):
        if s.want_byz and s.T is None and s.r.random() < .5: s.turn(n)
    def turn(s, n): s.T = n; s.byz.add(n)
    def write(s, d):
        w = s.w; F = s.fold(s.view[d]); op = w.openers(F.S)
        eps = [i for i in op if w.usable(i, F) and d in w.holders(i, F.S)]
        if not eps:
            for i in op:   # grant a head that only lacks live devices
                if d in w.holders(i, F.S) and w.knows_ends(w.E[i], F) and w.E[i].dev in F.live and F.stand >> i & 1 and not w.holders(i, F.S) - F.wrap:
                    for t in F.wrap - w.holders(i, F.S):
                        s.put(d, 'c', s.heads(s.view[d]), 'Grant', dict(epoch=i, to=t, ok=True))
                    eps = [i]; break
            else:
                e = s.put(d, 'c', s.heads(s.view[d]), 'Epoch', dict(wraps=sorted(F.wrap), parents=[i for i in op if d in op[i]]))
                eps = [e.i]
            F = s.fold(s.view[d])
            if not w.usable(eps[0], F): raise Bad(f"P6 minted or granted epoch {eps[0]} is not usable (minting loop)")
        ep = s.r.choice(eps)
        c = s.put(d, 'k', s.heads(s.view[d]), 'Content', dict(epoch=ep)); s.sealed.append((c.i, ep))
    def redeem(s):
        r, w = s.r, s.w
        inv = [e for e in w.E if e.kind == 'Invite' and w.valid(e.i) and e.dev not in s.byz]
        if not inv: return
        e = r.choice(inv); m = w.valid(e.i)[0]
        if any(x.kind == 'Redeem' and x.dev == e.a['key'] for x in w.E) and r.random() < .8: return
        if e.a['purpose'] == 'member':
            evil = s.byz and r.random() < .2
            j = ('X' if evil else 'J') + str(len(w.E)); rec = None if evil or 'RB' in s.view else 'RB'
            if not evil and rec is None: return
            q = s.put(e.a['key'], 'c', [e.i], 'Redeem', dict(new=j, rec=rec, consent=True), prev=None)
            if evil: s.byz.add(j)
            else:
                s.view[j] = s.view['RB'] = s.close(q.i); s.honest_member[j] = s.honest_member['RB'] = 'M:' + j; s.maybe_byz(j)
        else:
            j = s.fresh(m); q = s.put(e.a['key'], 'c', [e.i], 'Redeem', dict(new=j, consent=True), prev=None)
            s.view[j] = s.close(q.i); s.honest_member[j] = m
    def recover(s, d, everything=False):
        w = s.w; V = s.view[d]
        if everything: V = (1 << len(w.E)) - 1; s.see(d, V)
        F = s.fold(V); m = F.who[d][0]
        if not everything and s.r.random() < .2 and (d, 'c') in s.last: s.last[d, 'c'] = w.E[s.last[d, 'c']].prev
        for t in sorted(F.intro_of):
            if any(x[0] == m for x in F.intro_of[t]) and t not in F.recs and t not in F.cuts and not (F.who.get(t, ('', ''))[1] == 'inv'):
                if everything or s.r.random() < .5: s.put(d, 'c', s.heads(s.view[d]), 'Cut', dict(dev=t))
        n = f"{'A' if m=='A' else 'J'}n{len(w.E)}"; s.honest_member[n] = m
        e = s.put(d, 'c', s.heads(s.view[d]), 'AddDevice', dict(new=n, consent=True)); s.view[n] = s.close(e.i)
        return n
    # ------------------------------------------------------------------ the byzantine device and its puppets
    def evil(s, hide=0):
        r, w = s.r, s.w; b = s.T if r.random() < .6 else r.choice(sorted(s.byz)); n = len(w.E)
        own = [e for e in w.E if e.dev == b and e.chain == 'c']
        allv = [i for i in range(n) if not hide >> i & 1 and not w.E[i].fpast & hide]
        x = r.random()
        born = [i for i in allv if (w.valid(i) if w.E[i].chain == 'c' else None) and b in w.valid(i)[1]]
        if x < .35: after = s.heads(sum(1 << i for i in allv))                   # truthful
        elif x < .5: after = r.sample(allv, min(len(allv), r.randint(0, 3)))      # arbitrary
        else: after = []                                                          # back-dated: own chain and birth only
        after = list(after) + born
        prev = s.last.get((b, 'c')) if b in s.byz else None
        if own and (r.random() < .12 or (prev is not None and (hide >> prev & 1))):
            prev = r.choice([e.prev for e in own])
        if prev is not None and (hide >> prev & 1 or w.E[prev].fpast & hide): return
        devs = sorted({d for i in range(n) if w.E[i].chain == 'c' and w.valid(i) for d in w.valid(i)[1]})
        op = w.openers(w.cmask); mine = [i for i in op if op[i] & s.byz]
        k = r.random()
        if k < .06 and hide == 0:   # admit a puppet as the other member, back-dated
            after = [i for i in after]
            e = w.add(b, 'c', prev, after, 'Invite', dict(key=f"i{n}", purpose='member'), r.getrandbits(32))
            p = f"X{n}"; s.byz.add(p)
            q = w.add(f"i{n}", 'c', None, [e.i], 'Redeem', dict(new=p, consent=True), r.getrandbits(32))
            c = w.add(b, 'c', e.i, [q.i], 'Confirm', dict(redeem=q.i), r.getrandbits(32)); s.last[b, 'c'] = c.i
            if r.random() < .5: s.last[p, 'c'] = w.add(p, 'c', None, [c.i], 'Epoch', dict(wraps=[p], parents=[]), r.getrandbits(32)).i
            return
        if k < .12 and hide == 0:   # a puppet that vouches for its own birth and cuts whom it can
            p = f"X{n}"; s.byz.add(p)
            e = w.add(b, 'c', prev, after, 'AddDevice', dict(new=p, consent=True, role='ord'), r.getrandbits(32)); s.last[b, 'c'] = e.i
            t = r.choice(devs)
            q = w.add(p, 'c', None, [e.i], 'Cut', dict(dev=t), r.getrandbits(32)); s.last[p, 'c'] = q.i
            hm = s.honest_member.get(b); G = s.fold((1 << n) - 1)
            if b == s.T and hm and any(w.E[i].kind == 'Cut' and w.E[i].a['dev'] == b and w.E[i].dev not in s.byz for i in bits(G.cutids)): s.late[e.i] = hm
            return
        k = r.random()
        if k < .22:
            p = f"X{n}" if r.random() < .8 else r.choice(sorted(s.byz)); s.byz.add(p); kind, a = 'AddDevice', dict(new=p, consent=True, role=r.choice(['ord', 'rec']))
        elif k < .27: kind, a = 'AddDevice', dict(new=r.choice(devs), consent=False)
        elif k < .50: kind, a = 'Cut', dict(dev=r.choice(devs))
        elif k < .62: kind, a = 'Invite', dict(key=f"i{n}", purpose=r.choice(['member', 'own']))
        elif k < .70:
            inv = [e for e in w.E if e.kind == 'Invite' and not hide >> e.i & 1]
            if not inv: return
            e = r.choice(inv); p = f"X{n}" if r.random() < .7 else r.choice(sorted(s.byz)); s.byz.add(p)
            w.add(e.a['key'], 'c', None, [e.i], 'Redeem', dict(new=p, consent=True), r.getrandbits(32)); return
        elif k < .80:
            red = [e for e in w.E if e.kind == 'Redeem' and not hide >> e.i & 1]
            if not red: return
            e = r.choice(red); kind, a = 'Confirm', dict(redeem=e.i); after.append(e.i)
        elif k < .82: kind, a = 'Leave', {}
        elif k < .90:
            ps = [i for i in mine if not hide >> i & 1 and r.random() < .5]; after += ps
            kind, a = 'Epoch', dict(wraps=sorted(set(r.sample(devs, r.randint(0, len(devs)))) | ({b} if r.random() < .5 else set())), parents=ps)
        elif k < .94:
            if not mine: return
            ep = r.choice(mine); kind, a = 'Grant', dict(epoch=ep, to=r.choice(devs), ok=True); after.append(ep)
        else:
            
            pk = s.last.get((b, 'k'))
            if pk is not None and r.random() < .3: pk = w.E[pk].prev
            if pk is not None and (hide >> pk & 1 or w.E[pk].fpast & hide): return
            s.put(b, 'k', [i for i in after if not hide >> i & 1 and not w.E[i].fpast & hide], 'Content', {}, prev=pk); return
        after = [i for i in after if not hide >> i & 1 and not w.E[i].fpast & hide]
        if kind == 'Epoch': a['parents'] = [p for p in a['parents'] if p in after]
        G = s.fold((1 << n) - 1)
        e = w.add(b, 'c', prev, after, kind, a, r.getrandbits(32)); s.last[b, 'c'] = e.i
        # after an honest cut of T exists in the world, what T writes without it is 'late'
        hm = s.honest_member.get(b)
        if b == s.T and hm and any(w.E[i].kind == 'Cut' and w.E[i].a['dev'] == b and w.E[i].dev not in s.byz for i in bits(G.cutids)): s.late[e.i] = hm
    # ------------------------------------------------------------------ one history
    def run(s):
        r = s.r
        if s.want_byz and r.random() < .3: s.turn('A0')
        if s.T == 'A0': pass
        for _ in range(200):
            if s.ncontrol() >= s.maxc: break
            x = r.random()
            if x < .40: s.deliver()
            elif x < .75: s.honest_or_T()
            elif x < .87: s.redeem()
            elif s.byz: s.evil()
        s.final()
    def honest_or_T(s):
        # a byzantine T also behaves honestly some of the time, so that histories get somewhere
        if s.T and s.r.random() < .25 and s.T in s.view:
            t = s.T; s.byz.discard(t)
            try:
                s.see(t, s.view[t] | s.close(s.r.randrange(len(s.w.E)))) if s.r.random() < .5 else None
                V = s.view[t]; F = s.fold(V)
                if t in F.live and F.who[t][1] == 'ord' and s.last.get((t, 'c'), None) is not None and V >> s.last[t, 'c'] & 1 or t in F.live and (t, 'c') not in s.last:
                    keep = s.view; s.view = {t: V}; s.honest(); keep.update(s.view); s.view = keep
            finally: s.byz.add(t)
        else: s.honest()
    def final(s):
        w = s.w; n = len(w.E); ALL = (1 << n) - 1; F = s.fold(ALL)
        s.check_step(s.view['A0'] if 'A0' not in s.byz else 1, ALL)
        for d in s.view:
            if d not in s.byz: s.check_step(s.view[d], ALL)
        # P4: what a cut T wrote later, never counting in any honest own device's view, does not stand
        for i in s.late:
            if i in s.taint or not F.stand >> i & 1: continue
            e = w.E[i]
            pup = any(F.stand >> k & 1 and w.E[k].dev in s.byz and w.E[k].dev != e.dev and F.mem.get(k) == F.mem[i] and w.E[k].cpast >> i & 1 for k in bits(F.S))
            if pup: s.stats['late endorsed by live puppet'] += 1; continue
            if any(not c >> i & 1 for c in F.cuts.get(e.dev, ())): raise Bad(f"P4 late entry {i} of cut {e.dev} stands")
        # P6
        op = {}
        eps = [i for i in bits(w.cmask) if w.E[i].kind == 'Epoch']
        for i in eps:
            op[i] = set(w.E[i].a['wraps']) | {w.E[i].dev}
            for k in bits(w.cmask):
                if w.E[k].kind == 'Grant' and w.E[k].a['epoch'] == i and w.E[k].dev not in s.byz: op[i].add(w.E[k].a['to'])
        for i in reversed(eps):
            if w.E[i].dev in s.byz: continue
            for p in w.E[i].a['parents']: op[p] |= op[i]
        for c, ep in s.sealed:
            if w.E[c].dev in s.byz: continue
            G = w.fold(w.E[c].vpast)
            bad = {d for d in op[ep] if d in G.cuts or d in G.redeemed}
            if bad: raise Bad(f"P6 content {c} sealed under epoch {ep} by an aware writer opens for cut {bad}")
        # P1: another index order, one entry at a time, warm-started
        s.check_orders(F, ALL)
        # P3: recovery regains control, whatever the thief back-dates afterwards
        for R in ('RA', 'RB'):
            if R not in F.who or s.honest_member[R] != F.who[R][0]: continue
            m = F.who[R][0]; n0 = len(w.E); N = s.recover(R, everything=True); G = s.fold((1 << len(w.E)) - 1)
            lo = {d for d in G.live if G.who[d] == (m, 'ord')}
            if lo != {N}: raise Bad(f"P3 after recovery of {m} live = {lo}")
            hide = sum(1 << i for i in range(n0, len(w.E)))
            if s.byz:
                for k in range(4): s.evil(hide if k < 3 else 0)
                G = s.fold((1 << len(w.E)) - 1); lo = {d for d in G.live if G.who[d] == (m, 'ord')}
                if lo != {N}: raise Bad(f"P3 after recovery of {m} and a back-dating thief live = {lo}")
        s.stats['control'] += s.ncontrol(); s.stats['cuts'] += len(F.cuts); s.stats['joined'] += bool(F.joiner); s.stats['late'] += len(s.late)
        s.stats['set aside'] += bin(F.S & ~F.stand).count('1'); s.stats['sealed'] += len(s.sealed); s.stats['histories'] += 1
    def check_orders(s, F, ALL):
        w, r = s.w, s.r; n = len(w.E)
        for _ in range(2):
            left = set(range(n)); order = []; done = 0
            while left:
                ready = [i for i in left if not w.E[i].fpast & ~done]
                i = r.choice(ready); order.append(i); left.discard(i); done |= 1 << i
            u = World(w.R); mp = {}; stand = 0; sig = None
            for i in order:
                e = w.E[i]; a = dict(e.a)
                for k in ('redeem', 'epoch'):
                    if k in a: a[k] = mp[a[k]]
                if 'parents' in a: a['parents'] = [mp[p] for p in a['parents'] if p in mp]
                q = u.add(e.dev, e.chain, None if e.prev is None else mp[e.prev], [mp[x] for x in e.after], e.kind, a, e.h); mp[i] = q.i
                P = (1 << len(u.E)) - 1; G = u.fold(P & u.cmask)
                # incremental: while no cut and no chosen member changes, standing only grows (so a warm start is right)
                sg = ({d: tuple(sorted(c)) for d, c in G.cuts.items() if c}, G.chosen, G.void)
                if sg == sig and stand & ~G.stand: raise Bad("P1 standing shrank without a cut")
                sig, stand = sg, G.stand
            inv = {v: k for k, v in mp.items()}
            back = lambda m: sum(1 << inv[i] for i in bits(m))
            if back(G.stand) != F.stand or G.live != F.live or G.who != F.who or G.joiner != F.joiner: raise Bad("P1 order changes the control fold")
            for cls in ('shared', 'own'):
                if back(u.content(P, cls)) != w.content(ALL, cls): raise Bad("P1 order changes content " + cls)

def one(seed, rules, maxc):
    s = Sim(seed, rules, maxc, byz=seed % 5 != 0)
    try: s.run()
    except Bad as b: return str(b), s
    except (KeyError, AttributeError) as b: return f'PX crash {b!r}', s
    return None, s

def batch(args):
    lo, hi, rules, maxc = args; st = defaultdict(int); bad = []
    for seed in range(lo, hi):
        b, s = one(seed, rules, maxc if seed % 3 else maxc // 2)
        for k, v in s.stats.items(): st[k] += v
        if b: bad.append((s.ncontrol(), seed, b))
    return dict(st), bad

def main():
    p = argparse.ArgumentParser(); p.add_argument('--runs', type=int, default=2000); p.add_argument('--jobs', type=int, default=2)
    p.add_argument('--maxc', type=int, default=24); p.add_argument('--without', action='append', default=[]); p.add_argument('--show', type=int)
    p.add_argument('--mutants', action='store_true'); p.add_argument('--start', type=int, default=0)
    o = p.parse_args(); rules = dict(RULES)
    for x in o.without: assert x in rules; rules[x] = False
    if o.show is not None:
        b, s = one(o.show, rules, o.maxc if o.show % 3 else o.maxc // 2)
        for e in s.w.E: print(e, '' if e.chain == 'k' or s.w.valid(e.i) else 'INVALID')
        F = s.fold((1 << len(s.w.E)) - 1); print('live', sorted(F.live), 'cut', sorted(F.cuts), 'joiner', F.joiner, 'byz', sorted(s.byz), 'stand', sorted(bits(F.stand))); print(b); return
    import multiprocessing as mp
    def go(rules, runs, maxc):
        step = 100; jobs = [(a, min(a + step, o.start + runs), rules, maxc) for a in range(o.start, o.start + runs, step)]; st = defaultdict(int); bad = []
        with mp.Pool(o.jobs) as pool:
            for s, b in pool.imap_unordered(batch, jobs):
                for k, v in s.items(): st[k] += v
                bad += b
        return st, sorted(bad)
    if o.mutants:
        for k in RULES:
            r2 = dict(RULES); r2[k] = False; st, bad = go(r2, o.runs, o.maxc)
            kinds = defaultdict(int)
            for _, _, b in bad: kinds[b[:2]] += 1
            print(f"without {k:16} failures {len(bad)} {dict(kinds)} smallest {bad[:1]}", flush=True)
        return
    t = time.time(); st, bad = go(rules, o.runs, o.maxc)
    print(f"{o.runs} histories, {len(bad)} failures, {time.time()-t:.0f}s", dict(st))
    for x in bad[:12]: print(x)
if __name__ == '__main__': main()
