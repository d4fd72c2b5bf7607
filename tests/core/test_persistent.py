"""Persistent mappings are dictionaries that nobody writes to."""

import random

from fenix_grpc.core.persistent import put, put_all, without


def test_they_are_what_dictionaries_are_after_any_number_of_changes():
    chance = random.Random(1)
    mapping, plain = {}, {}
    for step in range(5_000):
        key = chance.randrange(400)
        match chance.randrange(20):
            case 0:
                gone = [key, key + 1, -1]
                mapping = without(mapping, gone)
                plain = {k: v for k, v in plain.items() if k not in gone}
            case 1:
                changes = dict.fromkeys(range(key, key + 30), step)
                mapping, plain = put_all(mapping, changes), {**plain, **changes}
            case _:
                mapping, plain = put(mapping, key, step), {**plain, key: step}
        assert (mapping.get(key), key in mapping) == (plain.get(key), key in plain)
        if chance.random() < 0.1:
            assert list(mapping.items()) == list(plain.items())
            assert mapping == plain
            assert len(mapping) == len(plain)
    assert list(mapping) == list(plain)


def test_what_was_there_before_stays_as_it_was():
    before = put_all({}, {n: n for n in range(1_000)})
    after = put(without(put(before, 1_000, 0), [5]), 7, "seven")
    assert list(before.items()) == [(n, n) for n in range(1_000)]
    assert (after[7], before[7], 5 in after, 5 in before) == ("seven", 7, False, True)
    assert before.get(1_000, "none") == "none"


def test_looking_at_everything_changes_no_later_order():
    looked, unseen = (
        put_all({}, {n: n for n in range(300)}),
        put_all({}, {n: n for n in range(300)}),
    )
    for n in (700, 3, 600, 5):
        looked, unseen = put(looked, n, -n), put(unseen, n, -n)
        assert looked[n] == -n
        assert len(looked) > 0
    assert list(looked.items()) == list(unseen.items())


def test_a_change_costs_the_same_however_large_the_mapping():
    """Counted in entries that are copied, which no machine is too busy for."""
    copied = {}
    for size in (400, 40_000):
        mapping = put_all({}, {n: n for n in range(size)})
        copied[size] = 0
        for n in range(2_000):
            before = mapping
            mapping = put(mapping, n % size, -n)
            shared = mapping._whole is before._whole
            copied[size] += len(mapping._changes) if shared else size
    assert copied[40_000] < 12 * copied[400]
