"""What the auditor may name. Lists of what is allowed: what an engine's next version brings is refused until it is added.

Functions are allowed by the engine's own categories where those hold nothing but computation, and one by one elsewhere.
"""

import re
from typing import Final

NODES: Final = frozenset(
    {
        *("SelectWithUnionQuery", "SelectQuery", "SelectIntersectExceptQuery", "Subquery", "ExpressionList"),
        *(
            "TablesInSelectQuery",
            "TablesInSelectQueryElement",
            "TableExpression",
            "TableJoin",
            "ArrayJoin",
            "SampleRatio",
        ),
        *("TableIdentifier", "Identifier", "Literal", "Function", "QueryParameter", "Asterisk", "QualifiedAsterisk"),
        *("ColumnsListMatcher", "ColumnsRegexpMatcher", "QualifiedColumnsListMatcher", "QualifiedColumnsRegexpMatcher"),
        *("ColumnsTransformerList", "ColumnsApplyTransformer", "ColumnsExceptTransformer", "ColumnsReplaceTransformer"),
        *("ColumnsReplaceTransformerReplacement", "OrderByElement", "InterpolateElement", "WithElement", "SetQuery"),
        *("WindowDefinition", "WindowListElement", "ExplainQuery", "ShowTablesQuery", "ShowColumnsQuery"),
        "ShowIndexesQuery",
    }
)
"""Kinds of nodes of the engine's syntax tree."""

ROOTS: Final = frozenset(
    {"SelectWithUnionQuery", "ExplainQuery", "ShowTablesQuery", "ShowColumnsQuery", "ShowIndexesQuery"}
)
EXPLAINED: Final = frozenset(
    {"EXPLAIN", "EXPLAIN AST", "EXPLAIN SYNTAX", "EXPLAIN QUERY TREE", "EXPLAIN PIPELINE", "EXPLAIN ESTIMATE"}
)
ABOUT_A_TABLE: Final = re.compile(
    r"(?:DESCRIBE TABLE|EXISTS (?:TABLE|VIEW|DATABASE)|SHOW CREATE (?:TABLE|VIEW|DATABASE)) (?P<target>.*)", re.DOTALL
)
"""Statements without a syntax tree in JSON, in the engine's writing: their target is what could stand after FROM."""

TABLE_FUNCTIONS: Final = frozenset(
    {"numbers", "numbers_mt", "zeros", "zeros_mt", "values", "generateseries", "generate_series", "null", "view"}
)
SYSTEM_TABLES: Final = frozenset(
    {
        *(
            "one",
            "numbers",
            "numbers_mt",
            "zeros",
            "tables",
            "columns",
            "databases",
            "settings",
            "functions",
            "formats",
        ),
        *("data_type_families", "table_functions", "aggregate_function_combinators", "build_options", "contributors"),
        *("time_zones", "keywords", "collations", "licenses", "table_engines"),
    }
)

FUNCTION_CATEGORIES: Final = frozenset(
    {
        *(
            "Arithmetic",
            "Arrays",
            "Bit",
            "Bitmap",
            "Comparison",
            "Conditional",
            "Dates and Times",
            "Distance",
            "Encoding",
        ),
        *("Financial", "Geo", "Geo Polygon", "Hash", "IP Address", "JSON", "Logical", "Map", "Mathematical", "Null"),
        *("NumericIndexedVector", "QBit", "Random Number", "Rounding", "String", "String Replacement", "String Search"),
        *("String Splitting", "Time Window", "Tuple", "Type Conversion", "URL", "UUID"),
    }
)
FUNCTIONS: Final = frozenset(
    {
        *("lambda", "exists", "untuple", "grouping", "_CAST", "nested", "caseWithExpression", "caseWithoutExpression"),
        *("bar", "byteSize", "countDigits", "currentDatabase", "currentUser", "defaultValueOfArgumentType"),
        *("defaultValueOfTypeName", "digits", "dumpColumnStructure", "errorCodeToName", "finalizeAggregation"),
        *("formatQuery", "formatQueryOrNull", "formatQuerySingleLine", "formatQuerySingleLineOrNull"),
        *("formatReadableDecimalSize", "formatReadableQuantity", "formatReadableSize", "formatReadableTimeDelta"),
        *("getSetting", "getSettingOrDefault", "getSizeOfEnumType", "hostName", "identity", "ignore", "initialQueryID"),
        *("initializeAggregation", "isConstant", "isDecimalOverflow", "lowCardinalityIndices", "lowCardinalityKeys"),
        *("materialize", "neighbor", "normalizeQuery", "normalizeQueryKeepNames", "normalizedQueryHash"),
        *(
            "parseReadableSize",
            "parseReadableSizeOrNull",
            "parseReadableSizeOrZero",
            "parseTimeDelta",
            "queryID",
            "revision",
        ),
        *("rowNumberInAllBlocks", "rowNumberInBlock", "runningAccumulate", "runningDifference", "throwIf"),
        *("toColumnTypeName", "toTypeName", "transform", "uptime", "variantElement", "variantType", "version"),
        *("visibleWidth", "minSampleSizeContinuous", "minSampleSizeConversion", "currentSchemas", "displayName"),
    }
)
REFUSED_FUNCTIONS: Final = frozenset({"chdb", "flameGraph"})
"""In an allowed category, or an aggregate function, and yet not allowed."""

TAKES_A_TABLE: Final = re.compile(r"(?:global)?(?:not)?(?:null)?in(?:ignoreset)?", re.IGNORECASE)
"""Functions whose second argument, if it is a name, may be a table's."""

SETTINGS: Final = re.compile(
    r"output_format_(?!schema$)\w+|format_(?:csv_delimiter|csv_null_representation|tsv_null_representation)"
    r"|max_(?:result_rows|result_bytes|rows_to_read|bytes_to_read)|(?:read|result)_overflow_mode"
    r"|date_time_(?:in|out)put_format|cast_string_to_(?:dynamic|variant)_use_inference|interval_output_format|session_timezone|join_use_nulls|final|limit|offset|extremes"
    r"|cast_keep_nullable|log_comment|cancel_http_readonly_queries_on_client_close|enable_http_compression"
    r"|http_zlib_compression_level|http_write_exception_in_output_format|http_headers_progress_interval_ms"
    r"|send_progress_in_http_headers|optimize_read_in_window_order"
)
"""Settings that change how a result looks or lower what a query may take."""

LIMITED_SETTINGS: Final = {"max_threads": 64, "max_block_size": 1_000_000}
"""Settings that he may change up to a limit."""
