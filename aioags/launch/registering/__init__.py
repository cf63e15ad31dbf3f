"""
Dynamic registration (LTI Dynamic Registration 1.0), the tool's side.

Read `registrar` first; then `offer` (what we say of ourselves), `platform`, `reply`, `lms` (each product's ways).
"""
