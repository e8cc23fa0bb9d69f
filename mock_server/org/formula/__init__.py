"""The formula language: validation rules, formula fields and default values.

Text -> `grammar` -> `syntax` -> `compiler` (with `references`, `operators`, `functions`) -> a Python function over
stored values, which saves (`rules`, `defaults`) and queries (`columns`) call. Semantics are those of Salesforce's own
engine (github.com/salesforce/formula-engine), which is public.
"""

from mock_server.org.formula.checking import check
from mock_server.org.formula.problems import EvaluationError, FormulaError, Problem

__all__ = ["EvaluationError", "FormulaError", "Problem", "check"]
