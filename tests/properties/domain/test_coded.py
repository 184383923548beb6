"""Columns as names and columns as places in names are the same columns."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from services.domain.clusters.codes import Coded, chosen, equal_to, numbered
from services.domain.tables import coded

names = st.lists(st.text("aæz/ 0", max_size=3), max_size=30)


@given(names, st.booleans(), st.data())
def test_a_coded_column_is_its_names(column: list[str], dictionary: bool, data: st.DataObject) -> None:
    array = pa.array(column, pa.string())
    table = pa.table({"name": array.dictionary_encode() if dictionary else array})
    found = coded(table, "name")
    assert len(found) == len(column)
    _same(found, column)
    rows = np.array(data.draw(st.lists(st.booleans(), min_size=len(column), max_size=len(column))), dtype=np.bool_)
    _same(chosen(found, rows), chosen(column, rows))
    name = data.draw(st.sampled_from([*column, "b"]))
    assert np.array_equal(equal_to(found, name), np.array([each == name for each in column], dtype=np.bool_))


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30))
def test_numbers_that_stand_for_names_stay_numbers(column: list[int]) -> None:
    values = np.array(column, dtype=np.int64)
    (ours, code), (names, place) = (numbered(each) for each in (coded(pa.table({"unit": values}), "unit"), values))
    assert ours.dtype == np.int64
    assert (ours.tolist(), code.tolist()) == (names.tolist(), place.tolist())


def _same(found: object, column: object) -> None:
    assert isinstance(found, Coded)
    (ours, code), (names, place) = numbered(found), numbered(np.asarray(column, dtype=np.str_))
    assert ours.tolist() == names.tolist()
    assert code.tolist() == place.tolist()
