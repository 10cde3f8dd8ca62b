"""The real servers that tests run against: `HENGIO_TEST_…` names one that is there, else it is started here."""

from tests.support.mysql import MysqlServer, mysql_server
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.s3 import S3Server, s3_kind, s3_server

__all__ = ["MysqlServer", "PostgresServer", "S3Server", "mysql_server", "postgres_server", "s3_kind", "s3_server"]
