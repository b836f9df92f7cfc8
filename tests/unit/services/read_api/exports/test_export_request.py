"""What is asked for, and how its file is named."""

from urllib.parse import unquote

import pytest

from services.read_api.exports.export_request import (
    ExportRequest,
    content_disposition,
    file_name,
    read_export_request,
)
from services.read_api.query_parameters import InvalidParameter


def test_format_is_xlsx_unless_said() -> None:
    """Of both kinds; the profile is the default one."""
    assert ExportRequest(kind="calls") == read_export_request("calls", b"")
    asked = read_export_request("summary", b"format=csv&profile=machine&other=1")
    assert ExportRequest(kind="summary", format="csv", profile="machine") == asked


@pytest.mark.parametrize(
    ("kind", "query"),
    (("summary", b"format=parquet"), ("calls", b"format=XLSX"), ("calls", b"profile=excel")),
)
def test_unknown_format_is_refused(kind: str, query: bytes) -> None:
    """Summaries have no Parquet; names are exact."""
    with pytest.raises(InvalidParameter):
        read_export_request("summary" if kind == "summary" else "calls", query)


@pytest.mark.parametrize(
    ("execution_id", "plain", "exact"),
    (
        ("770e8400-e29b", "report-770e8400-e29b.csv", None),
        ("a b.c", "report-a b.c.csv", None),
        ("a/b\\c", "report-a_b_c.csv", None),
        ('"; filename="x', "report-__ filename__x.csv", "report-_; filename=_x.csv"),
        ("été😀", "report-_t__.csv", "report-été😀.csv"),
        ("100%'", "report-100__.csv", "report-100%'.csv"),
    ),
)
def test_file_name_is_said_twice_where_it_is_not_plain(
    execution_id: str, plain: str, exact: str | None
) -> None:
    """RFC 6266: an ASCII name for everybody, the exact one beside it; never a folder."""
    header = content_disposition(
        file_name(ExportRequest(kind="summary", format="csv"), execution_id)
    )
    fallback, _, extended = header.partition("; filename*=UTF-8''")
    assert f'attachment; filename="{plain}"' == fallback
    assert exact == (unquote(extended) if extended else None)
    assert header.isascii()
