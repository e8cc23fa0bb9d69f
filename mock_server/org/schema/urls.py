"""The `urls` of a describe: one template for each kind of link, in the order in which recorded answers name them."""

from __future__ import annotations

from collections.abc import Iterable

_OWN = "/services/data/{version}/sobjects/{name}"
_TEMPLATES = {
    "compactLayouts": f"{_OWN}/describe/compactLayouts",
    "rowTemplate": f"{_OWN}/{{{{ID}}}}",
    "eventSchema": f"{_OWN}/eventSchema",
    "eventSeriesUpdates": f"{_OWN}/{{{{ID}}}}/fromThisEventOnwards",
    "namedLayouts": f"{_OWN}/describe/namedLayouts/{{{{LayoutName}}}}",
    "passwordUtilities": f"{_OWN}/{{{{ID}}}}/password",
    "approvalLayouts": f"{_OWN}/describe/approvalLayouts",
    "workOrderRowArticleSuggestions": f"{_OWN}/{{{{ID}}}}/suggestedArticles",
    "workOrderArticleSuggestions": f"{_OWN}/suggestedArticles",
    "workOrderLineItemRowArticleSuggestions": f"{_OWN}/{{{{ID}}}}/suggestedArticles",
    "caseArticleSuggestions": f"{_OWN}/suggestedArticles",
    "caseRowArticleSuggestions": f"{_OWN}/{{{{ID}}}}/suggestedArticles",
    "uiDetailTemplate": "{instance}/{{ID}}",
    "uiEditTemplate": "{instance}/{{ID}}/e",
    "listviews": f"{_OWN}/listviews",
    "describe": f"{_OWN}/describe",
    "uiNewRecord": "{instance}/{prefix}/e",
    "quickActions": f"{_OWN}/quickActions",
    "layouts": f"{_OWN}/describe/layouts",
    "workOrderLineItemArticleSuggestions": f"{_OWN}/suggestedArticles",
    "push": f"{_OWN}/{{{{ID}}}}/push",
    "sobject": _OWN,
}
_ALWAYS = frozenset({"rowTemplate", "describe", "sobject"})
_PAGES = frozenset({"uiDetailTemplate", "uiEditTemplate", "uiNewRecord"})
# What most objects with layouts have, and so do custom ones.
USUAL_LINKS = ("compactLayouts", "approvalLayouts", "quickActions", "layouts")


def urls(
    name: str, links: Iterable[str], version: str, *, prefix: str | None = None, instance: str | None = None
) -> dict[str, str]:
    """Return an object's urls. With `instance`, those of its pages in a browser too, as a full describe has them."""
    wanted = {*links, *_ALWAYS}
    if instance is not None and prefix and "layouts" in wanted:
        wanted |= _PAGES
    return {
        key: template.format(version=version, name=name, instance=instance, prefix=prefix)
        for key, template in _TEMPLATES.items()
        if key in wanted
    }
