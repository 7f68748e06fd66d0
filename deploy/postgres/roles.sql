-- Who may do what in a store: run by its owner, who also makes the tables (`sweep create`), before or after they are
-- there, as often as one likes: a second run changes the passwords.
--
--   POSTGRES_WORKER_PASSWORD=… POSTGRES_READER_PASSWORD=… psql --no-psqlrc --file roles.sql "postgresql://…"
--
-- Passwords come from the environment, so that they stand neither here nor where `ps` shows them.
\set ON_ERROR_STOP on
\getenv worker_password POSTGRES_WORKER_PASSWORD
\getenv reader_password POSTGRES_READER_PASSWORD
\if :{?worker_password}
\else
    \warn 'POSTGRES_WORKER_PASSWORD is not set in the environment: the next error means that.'
\endif
\if :{?reader_password}
\else
    \warn 'POSTGRES_READER_PASSWORD is not set in the environment: the next error means that.'
\endif

-- PostgreSQL 14 and older let everyone make tables in `public`.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

SELECT 'CREATE ROLE sweep_worker LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sweep_worker') \gexec
SELECT 'CREATE ROLE sweep_reader LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sweep_reader') \gexec
ALTER ROLE sweep_worker PASSWORD :'worker_password';
ALTER ROLE sweep_reader PASSWORD :'reader_password';

GRANT CONNECT ON DATABASE :"DBNAME" TO sweep_worker, sweep_reader;
GRANT USAGE ON SCHEMA public TO sweep_worker, sweep_reader;

-- A worker writes trials and never removes a row: deleting a study is the owner's. Rows are numbered by sequences.
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO sweep_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO sweep_worker;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE ON TABLES TO sweep_worker;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO sweep_worker;

-- The dashboard, `sweep status` and all that only looks.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO sweep_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO sweep_reader;
