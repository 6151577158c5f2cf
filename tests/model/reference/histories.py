#!/usr/bin/env python3
"""Histories and their meaning as lines of JSON, for comparing another implementation with the model.

  python3 histories.py generate --start 0 --count 100   random histories, each {"seed", "entries", "meaning"}
  python3 histories.py judge                            the meaning of each {"entries"} line on standard input

An entry is {dev, chain: c|k, prev, after, kind, a, h}: entries are named by their number, h is the entry's id in
hexadecimal as far as order by id goes. Consent is given for the member `for` where the entry's own past names one.
"""
import argparse, json, sys

from membership import World, bits
from simulation import Sim

class Quiet(Sim):
    """The same walk without the properties; they have their own command."""
    def check_step(s, V1, V2, who=''): pass
    def final(s):
        if s.r.random() < .3:
            for R in ('RA', 'RB'):
                F = s.fold((1 << len(s.w.E)) - 1)
                if R in F.who:
                    s.recover(R, everything=True)
                    for _ in range(3 if s.byz else 0): s.evil()

def consent_for(w, e):
    """the member for which an honest new key would sign, or None"""
    F = w.fold(e.cpast)
    if e.kind == 'AddDevice': return F.who.get(e.dev, (None,))[0]
    inv = F.invite.get(e.dev)
    if inv is None: return None
    return 'M:' + e.a['new'] if w.E[inv].a['purpose'] == 'member' else w.valid(inv)[0]

def spell(w):
    out = []
    for e in w.E:
        x = dict(dev=e.dev, chain=e.chain, prev=e.prev, after=list(e.after), kind=e.kind, a=e.a, h=f'{e.h:08x}')
        if e.kind in ('AddDevice', 'Redeem'): x['for'] = consent_for(w, e)
        out.append(x)
    return out

def read(entries):
    w = World()
    for x in entries: w.add(x['dev'], x['chain'], x['prev'], x['after'], x['kind'], x['a'], int(x['h'], 16))
    return w

def meaning(w):
    full = (1 << len(w.E)) - 1; F = w.fold(full & w.cmask); L = lambda m: list(bits(m))
    eps = [i for i in bits(w.cmask) if w.E[i].kind == 'Epoch']
    usable = [i for i in eps if w.usable(i, F)]
    fresh = [i for i in eps if w.valid(i) and F.stand >> i & 1 and w.E[i].dev in F.live and w.knows_ends(w.E[i], F)]
    grantable = [i for i in fresh if i not in usable and not w.holders(i, F.S) - F.wrap]
    return dict(
        valid=[i for i in bits(w.cmask) if w.valid(i)], stand=L(F.stand), live=sorted(F.live),
        who={d: list(x) for d, x in F.who.items()}, cut=sorted(d for d in F.who if F.cuts.get(d)),
        joiner=F.joiner, chosen=F.chosen, left=sorted(F.left), wrap=sorted(F.wrap),
        usable=usable, grantable=grantable, holders={str(i): sorted(w.holders(i, F.S)) for i in eps},
        content={c: L(w.content(full, c)) for c in ('shared', 'own')},
        views={str(i): [L(w.fold(w.E[i].cpast).stand), sorted(w.fold(w.E[i].cpast).live)] for i in bits(w.cmask)})

def main():
    p = argparse.ArgumentParser(); p.add_argument('what', choices=('generate', 'judge'))
    p.add_argument('--start', type=int, default=0); p.add_argument('--count', type=int, default=100); p.add_argument('--maxc', type=int, default=26)
    o = p.parse_args()
    if o.what == 'judge':
        for line in sys.stdin: print(json.dumps(meaning(read(json.loads(line)['entries']))), flush=True)
        return
    for seed in range(o.start, o.start + o.count):
        s = Quiet(seed, maxc=o.maxc if seed % 3 else o.maxc // 2, byz=seed % 5 != 0); s.run()
        print(json.dumps(dict(seed=seed, entries=spell(s.w), meaning=meaning(s.w))))

if __name__ == '__main__': main()
