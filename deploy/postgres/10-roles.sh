#!/bin/sh
# Runs once, when the database is made: whom Lithograph works as. He owns nothing and passes by no policy; the tables are
# made by `litho migrate`, as the administrator.
set -eu
: "${LITHOGRAPH_DB_PASSWORD:?}"
psql --set ON_ERROR_STOP=1 --set password="$LITHOGRAPH_DB_PASSWORD" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE lithograph_app NOLOGIN NOBYPASSRLS;
CREATE ROLE lithograph_worker NOLOGIN NOBYPASSRLS;
CREATE ROLE lithograph_system NOLOGIN NOBYPASSRLS;
CREATE ROLE lithograph LOGIN NOBYPASSRLS PASSWORD :'password';
GRANT lithograph_app, lithograph_worker TO lithograph;
SQL
