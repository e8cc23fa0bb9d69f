"""Knowledge, in an org that goes without it: its settings say so, and there are no articles to ask for (D)."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.protocols.rest.replies import DATA, answer, data_url, routes

_SUPPORT, _MANAGEMENT = f"{DATA}/support", f"{DATA}/knowledgeManagement"


@routes(
    Operation("rest.knowledge.list", "GET", _MANAGEMENT, "read", summary="List the resources of knowledge management")
)
async def management(call: Call) -> Reply:
    return answer({"settings": data_url(call, "knowledgeManagement", "settings")})


@routes(
    Operation(
        "rest.knowledge.settings", "GET", f"{_MANAGEMENT}/settings", "read", summary="Tell whether there is Knowledge"
    )
)
async def settings(call: Call) -> Reply:
    return answer({"defaultLanguage": "en_US", "knowledgeEnabled": False, "languages": []})


@routes(
    Operation(
        "rest.support.articles", "GET", f"{_SUPPORT}/knowledgeArticles", "read", since=38.0,
        summary="List articles: refused in an org without Knowledge",
    ),
    Operation(
        "rest.support.article", "GET", f"{_SUPPORT}/knowledgeArticles/{{article}}", "read", since=38.0,
        summary="Read an article: refused in an org without Knowledge",
    ),
    Operation(
        "rest.support.categories", "GET", f"{_SUPPORT}/dataCategoryGroups", "read", since=38.0,
        summary="List data categories: refused in an org without Knowledge",
    ),
    Operation(
        "rest.support.category", "GET", f"{_SUPPORT}/dataCategoryGroups/{{group}}/dataCategories/{{category}}", "read",
        since=38.0, summary="Read a data category: refused in an org without Knowledge",
    ),
)  # fmt: skip
async def absent(call: Call) -> Reply:
    raise errors.NOT_FOUND()
