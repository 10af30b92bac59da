"""A hundred halides ABX3 by three rules of thumb, where the rules disagree, and where experiment does."""

import qdsurf as qs

formulas = [
    f"{a}{b}{x}3"
    for a in ("K", "Rb", "Cs", "MA", "FA")
    for b in ("Pb", "Sn", "Ge", "Ca", "Zn")
    for x in ("F", "Cl", "Br", "I")
]
# three tables of radii in a row: metals in halides, molecular cations, and all the rest
rows = qs.screen_formulas(formulas, radii="shannon + travis + kieslich")

passed: dict[str, set[str]] = {}
for row in rows:
    if not hasattr(row, "verdicts"):  # a formula that cannot be judged is a row with its reason
        print("not judged:", row.formula, row.reason)
        continue
    for verdict in row.verdicts:
        passed.setdefault(verdict.rule.name, set())
        if verdict.passes:
            passed[verdict.rule.name].add(row.formula)

print(len(rows), "compositions")
for rule, names in passed.items():
    print(f"{rule:12} lets {len(names):3} pass")
print("t-stable and tau disagree on", *sorted(passed["t-stable"] ^ passed["tau-bartel"])[:12], "...")

# The textbook's exception is the material itself: tau says no to CsPbI3, and a black perovskite is known.
for row in rows:
    for contradiction in getattr(row, "contradictions", ()):
        print(f"{row.formula}: {contradiction}")
assert "CsPbBr3" in passed["tau-bartel"]
assert "CsPbI3" not in passed["tau-bartel"]
