"""Writes its file by joining values with commas, quotes around those that have a comma in them."""

from bulk_sync import BulkSync, cells_of, main


class JoinsCellsByHand(BulkSync):
    def csv_of(self, key_field, items):
        rows = [{key_field: item["key"], **cells_of(item["record"])} for item in items]
        columns = list(dict.fromkeys(column for row in rows for column in row))
        lines = [",".join(self.quoted(self.cell(row.get(column, ""))) for column in columns) for row in rows]
        return "\n".join([",".join(columns), *lines]) + "\n"

    def quoted(self, value):
        text = str(value).replace('"', "'")
        return f'"{text}"' if "," in text or "\n" in text else text


if __name__ == "__main__":
    main(JoinsCellsByHand)
