"""Models of django-salesforce do their job: create, read, filter, join, update, delete, in bulk and one by one."""

import os

import django
from django.conf import settings

settings.configure(
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        "salesforce": {
            "ENGINE": "salesforce.backend",
            "HOST": os.environ["SF_LOGIN_URL"],
            "CONSUMER_KEY": os.environ["SF_CLIENT_ID"],
            "CONSUMER_SECRET": os.environ["SF_CLIENT_SECRET"],
            "USER": os.environ["SF_USERNAME"],
            "PASSWORD": os.environ["SF_PASSWORD"],
        },
    },
    DATABASE_ROUTERS=["salesforce.router.ModelRouter"],
    INSTALLED_APPS=["salesforce"],
    SALESFORCE_DB_ALIAS="salesforce",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()

from django.db import connections  # noqa: E402
from django.db.models import Count, Q, Sum  # noqa: E402
from salesforce import models  # noqa: E402
from salesforce.dbapi.exceptions import SalesforceError  # noqa: E402


class Account(models.SalesforceModel):
    Name = models.CharField(max_length=255)
    Industry = models.CharField(max_length=100, null=True)
    NumberOfEmployees = models.IntegerField(null=True)
    CreatedDate = models.DateTimeField(sf_read_only=models.READ_ONLY)

    class Meta(models.SalesforceModel.Meta):
        db_table = "Account"
        managed = False
        app_label = "salesforce"


class Contact(models.SalesforceModel):
    FirstName = models.CharField(max_length=40, null=True)
    LastName = models.CharField(max_length=80)
    Email = models.EmailField(null=True)
    Account = models.ForeignKey(Account, models.DO_NOTHING, db_column="AccountId", null=True, related_name="contacts")

    class Meta(models.SalesforceModel.Meta):
        db_table = "Contact"
        managed = False
        app_label = "salesforce"


acme = Account.objects.create(Name="Acme", Industry="Energy", NumberOfEmployees=7)
assert len(acme.pk) == 18, acme.pk
assert Account.objects.get(pk=acme.pk).CreatedDate is not None

Contact.objects.bulk_create([Contact(LastName=f"Row {number}", Account=acme) for number in range(250)])
assert Contact.objects.count() == 250
assert Contact.objects.filter(Account__Name="Acme", LastName__startswith="Row 1").count() == 111
names = (
    Contact.objects.filter(Q(LastName="Row 1") | Q(LastName__in=["Row 2"]))
    .order_by("LastName")
    .values_list("LastName", flat=True)
)
assert list(names) == ["Row 1", "Row 2"]
first = Contact.objects.select_related("Account").get(LastName="Row 3")
assert first.Account.Industry == "Energy"

first.FirstName = "Mary"
first.save()
assert Contact.objects.filter(FirstName="Mary").get().pk == first.pk
assert Contact.objects.filter(LastName__in=["Row 4", "Row 5"]).update(Email="a@example.com") == 2
assert Contact.objects.filter(Email="a@example.com").count() == 2
assert [one.LastName for one in Contact.objects.order_by("-LastName")[:2]] == ["Row 99", "Row 98"]
assert Account.objects.aggregate(total=Sum("NumberOfEmployees"))["total"] == 7
counted = Contact.objects.values("Account__Name").annotate(n=Count("pk")).order_by()
assert [(one["Account__Name"], one["n"]) for one in counted] == [("Acme", 250)], list(counted)

try:
    Contact.objects.create(FirstName="Nobody", LastName="")
except SalesforceError as error:
    assert "REQUIRED_FIELD_MISSING" in str(error), error
else:
    raise AssertionError("a contact without a last name was saved")

cursor = connections["salesforce"].cursor()
cursor.execute("SELECT Id, LastName FROM Contact WHERE LastName = %s", ["Row 7"])
assert cursor.fetchall()[0][1] == "Row 7"

first.delete()
assert not Contact.objects.filter(pk=first.pk).exists()
try:
    Contact.objects.all().delete()
except SalesforceError as error:
    # A delete of this client is one call, whose limit is 200 records.
    assert "EXCEEDED_ID_LIMIT" in str(error), error
else:
    raise AssertionError("249 records were deleted in one call")
for wanted in (Contact.objects.filter(LastName__startswith="Row 1"), Contact.objects.all()):
    wanted.delete()
assert Contact.objects.count() == 0
assert Contact.objects.query_all().filter(LastName="Row 7").count() == 1
print("done")
