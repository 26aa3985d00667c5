import csv
from pathlib import Path

import psycopg

from backing.postgres import Postgres

PAGE = Path(__file__).parents[4] / "docs" / "calendar.md"
VECTORS = Path(__file__).parents[1] / "vectors" / "message_ids.csv"


def test_the_page_s_sql_makes_the_same_ids(postgres_server: Postgres) -> None:
    expression = PAGE.read_text(encoding="utf-8").split("```sql\n")[1].split("```")[0]
    query = f"SELECT {expression} FROM (SELECT %s::uuid AS user_id, %s::text AS kind, %s::date AS local_date) AS message"
    with VECTORS.open(encoding="utf-8", newline="") as file, psycopg.connect(postgres_server.url()) as connection:
        for row in csv.DictReader(file):
            found = connection.execute(query, (row["user_id"], row["kind"], row["local_date"])).fetchone()
            assert found is not None
            assert str(found[0]) == row["message_id"]
