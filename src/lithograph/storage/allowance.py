"""The minute of a provider's key, which all processes on a server share: kept by one function, in two tables.

Nobody else reads or writes them; organisations do not even see them. `server` installs it.
"""

from typing import Final

ALLOWANCE: Final = """
-- What processes were granted of a minute of a provider's key. A row counts against the minute until `counts_until`.
CREATE TABLE {queue}.provider_grant (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL,
    process text NOT NULL,
    granted_at timestamptz NOT NULL,
    counts_until timestamptz NOT NULL,
    requests bigint NOT NULL,
    tokens bigint NOT NULL
);
CREATE INDEX ON {queue}.provider_grant (key, counts_until);
CREATE INDEX ON {queue}.provider_grant (counts_until);
-- Who asked last when, since when it waits for room, and for how many tokens at least.
CREATE TABLE {queue}.provider_demand (
    key text NOT NULL,
    process text NOT NULL,
    asked_at timestamptz NOT NULL,
    waits_since timestamptz,
    tokens bigint NOT NULL,
    PRIMARY KEY (key, process)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON {queue}.provider_grant, {queue}.provider_demand TO {system};

-- Grants a process requests and tokens of a minute; a null limit is none, and the `first_tokens` of the first call are
-- the least that is of use. All calls of a grant have reached the provider within `lasts` seconds, and it counts until
-- the last of them has left the last minute. `spent` is what became of earlier grants: what they were used for in
-- truth, and how long `ago` their last call was there at the latest. Grants beyond the last `known` one were lost on
-- the way.
CREATE FUNCTION {schema}.lithograph_allowance(
    of_key text, of_process text, known bigint, spent jsonb,
    most_requests bigint, most_tokens bigint, want_requests bigint, want_tokens bigint, first_tokens bigint,
    lasts double precision, minute double precision, at timestamptz DEFAULT NULL,
    OUT grant_number bigint, OUT grant_requests bigint, OUT grant_tokens bigint, OUT again_in double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {queue}, pg_temp AS $$
DECLARE
    second CONSTANT interval := interval '1 second';
    spread CONSTANT interval := minute / 4 * second;
    longest CONSTANT interval := 2 * second;  -- that anybody is told to wait before it asks again
    silent CONSTANT interval := 5 * second;   -- who has not asked for so long has nobody waiting any more
    unlimited CONSTANT bigint := 1000000000000000;
    needs CONSTANT bigint := least(first_tokens, most_tokens);
    moment timestamptz;
    since timestamptz;
    opens timestamptz;
    asking integer;
    waiting integer;
    parts integer;
    before_requests bigint;
    before_tokens bigint;
    free_requests bigint := coalesce(most_requests, unlimited);
    free_tokens bigint := coalesce(most_tokens, unlimited);
    now_requests bigint;
    now_tokens bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(of_key, 0));
    moment := coalesce(at, clock_timestamp());

    UPDATE provider_grant g
    SET requests = s.requests, tokens = s.tokens,
        counts_until = least(g.counts_until, moment + (minute - s.ago) * second)
    FROM jsonb_to_recordset(spent) AS s(number bigint, requests bigint, tokens bigint, ago double precision)
    WHERE g.number = s.number AND g.key = of_key AND g.process = of_process;
    DELETE FROM provider_grant g WHERE g.key = of_key AND g.process = of_process AND g.number > known;
    DELETE FROM provider_grant WHERE number IN
        (SELECT number FROM provider_grant WHERE counts_until <= moment LIMIT 1000 FOR UPDATE SKIP LOCKED);

    INSERT INTO provider_demand AS d VALUES (of_key, of_process, moment, moment, needs)
    ON CONFLICT (key, process) DO UPDATE
    SET asked_at = moment, tokens = needs,
        waits_since = CASE WHEN d.asked_at >= moment - silent THEN coalesce(d.waits_since, moment) ELSE moment END
    RETURNING waits_since INTO since;
    DELETE FROM provider_demand d WHERE d.key = of_key AND d.asked_at < moment - silent;

    -- Whoever waits longer comes first: what it needs is kept for it, so that a large call is not starved.
    SELECT count(*), count(d.waits_since), count(*) FILTER (WHERE (d.waits_since, d.process) < (since, of_process)),
        coalesce(sum(d.tokens) FILTER (WHERE (d.waits_since, d.process) < (since, of_process)), 0)
    INTO asking, waiting, before_requests, before_tokens FROM provider_demand d WHERE d.key = of_key;
    -- Where several ask, the minute is spread: no more than a third of it is granted in a quarter of its time.
    parts := CASE WHEN asking = 1 THEN 1 ELSE 3 END;
    SELECT free_requests - before_requests - coalesce(sum(g.requests), 0),
        free_tokens - before_tokens - coalesce(sum(g.tokens), 0),
        ceil(free_requests::numeric / parts) - before_requests
            - coalesce(sum(g.requests) FILTER (WHERE g.granted_at > moment - spread), 0),
        ceil(free_tokens::numeric / parts) - before_tokens
            - coalesce(sum(g.tokens) FILTER (WHERE g.granted_at > moment - spread), 0)
    INTO free_requests, free_tokens, now_requests, now_tokens
    FROM provider_grant g WHERE g.key = of_key AND g.counts_until > moment;

    IF free_requests >= 1 AND free_tokens >= needs AND now_requests >= 1 AND now_tokens >= least(needs, 1) THEN
        -- Those who wait share it, but for what comes in within 0.4 s: a minute that lies about is lost.
        now_requests := greatest(now_requests / waiting, least(now_requests, most_requests * 0.4 / minute), 1);
        now_tokens := greatest(now_tokens / waiting, least(now_tokens, most_tokens * 0.4 / minute), needs);
        grant_requests := least(want_requests, free_requests, now_requests);
        grant_tokens := least(want_tokens, free_tokens, now_tokens);
        -- Neither is of use without the other.
        grant_requests := greatest(least(grant_requests, want_requests * grant_tokens / nullif(want_tokens, 0)), 1);
        grant_tokens := least(grant_tokens, ceil(want_tokens::numeric * grant_requests / want_requests));
        grant_tokens := greatest(grant_tokens, needs);
        INSERT INTO provider_grant (key, process, granted_at, counts_until, requests, tokens)
        VALUES (of_key, of_process, moment, moment + (lasts + minute) * second, grant_requests, grant_tokens)
        RETURNING number INTO grant_number;
        UPDATE provider_demand d SET waits_since = NULL WHERE d.key = of_key AND d.process = of_process;
        -- Of those who want more, one asks every 0.2 s, however many they are.
        again_in := 0;
        IF grant_requests < want_requests THEN
            again_in := least(0.2 * asking, extract(epoch FROM longest));
        END IF;
        RETURN;
    END IF;
    opens := moment;
    IF free_requests < 1 OR free_tokens < needs THEN
        SELECT coalesce(min(counts_until), moment + longest) INTO opens
        FROM (SELECT counts_until, sum(requests) OVER leaving AS requests, sum(tokens) OVER leaving AS tokens
              FROM provider_grant WHERE key = of_key WINDOW leaving AS (ORDER BY counts_until)) AS gone
        WHERE free_requests + requests >= 1 AND free_tokens + tokens >= needs;
    END IF;
    IF now_requests < 1 OR now_tokens < least(needs, 1) THEN
        SELECT greatest(opens, coalesce(min(granted_at) + spread, moment + longest)) INTO opens
        FROM (SELECT granted_at, sum(requests) OVER leaving AS requests, sum(tokens) OVER leaving AS tokens
              FROM provider_grant WHERE key = of_key AND granted_at > moment - spread
              WINDOW leaving AS (ORDER BY granted_at)) AS gone
        WHERE now_requests + requests >= 1 AND now_tokens + tokens >= least(needs, 1);
    END IF;
    again_in := least(greatest(extract(epoch FROM opens - moment), 0.1), extract(epoch FROM longest));
    grant_requests := 0;
    grant_tokens := 0;
END $$;
REVOKE ALL ON FUNCTION {schema}.lithograph_allowance FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.lithograph_allowance TO {worker};
ALTER FUNCTION {schema}.lithograph_allowance OWNER TO {system};
"""
