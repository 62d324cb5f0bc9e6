namespace Scaling.Sharding.Internal;

/// <summary>What the fence keeps in each shard's database, in the schema scaling_sharding.</summary>
/// <remarks>
/// <para>Why an advisory lock and not a row lock: a writer takes it in shared mode on every statement, which writes nothing
/// and never waits for another writer. The mover takes it exclusively for a moment to change who owns what.</para>
/// <para>Interleavings of a writer W and a cut-over C:</para>
/// <para>1. W changes rows, its trigger takes the shared lock, W commits; then C gets the exclusive lock: C sees W's change in the log and carries it over.</para>
/// <para>2. W changes rows, C takes the lock first, W's trigger waits; C gives the slot away and commits; W's trigger reads the
/// row of scaling_sharding.shard with a snapshot taken after that and refuses: W's whole statement is undone.</para>
/// <para>3. As 2, but W runs in REPEATABLE READ, where its snapshot is older than C: reading FOR SHARE then fails with a serialization error, and W is undone too.</para>
/// </remarks>
internal static class FenceSql
{
    /// <summary>The SQLSTATE of a refused write.</summary>
    public const string Refused = "SH001";

    /// <summary>Held shared by writers until they commit, exclusively by a mover that changes who owns what.</summary>
    public const long OwnershipLock = 0x5363_616c_5368_6172;

    /// <summary>Held by a mover for as long as it works on a database, so that there is one.</summary>
    public const long MoverLock = OwnershipLock + 1;

    /// <summary>Held while a fence is put up: deployments of several processes come at once.</summary>
    public const long InstallLock = OwnershipLock + 2;

    public static readonly string Schema = $"""
        create schema if not exists scaling_sharding;
        create table if not exists scaling_sharding.shard (
            one_row boolean primary key default true check (one_row),
            name text not null,
            owned int4multirange not null,
            moving int4multirange not null default '{"{}"}',
            version bigint not null,
            map text not null);
        create table if not exists scaling_sharding.move (
            id text primary key,
            phase text not null check (phase in ('copy', 'cut', 'done', 'undone')),
            version bigint not null,
            plan_from text not null,
            plan_to text not null);
        create table if not exists scaling_sharding.copied (
            move text not null, tab text not null, first_slot int not null,
            primary key (move, tab, first_slot));
        create or replace function scaling_sharding.owns(slot int) returns boolean stable language sql
            return slot <@ (select owned from scaling_sharding.shard);
        create or replace function scaling_sharding.held(out owned int4multirange, out moving int4multirange)
            language plpgsql security definer set search_path = pg_catalog as $$
        begin
            perform pg_advisory_xact_lock_shared({OwnershipLock});
            if current_setting('transaction_isolation') in ('read committed', 'read uncommitted') then
                select s.owned, s.moving into owned, moving from scaling_sharding.shard s;
            else
                select s.owned, s.moving into owned, moving from scaling_sharding.shard s for share;
            end if;
        end $$;
        create or replace function scaling_sharding.refuse(slot int) returns void language plpgsql as $$
        begin
            raise exception 'slot % is not on shard %', slot, (select name from scaling_sharding.shard)
                using errcode = '{Refused}', hint = 'Load the newest shard map and write to the owner.';
        end $$;
        create or replace function scaling_sharding.require_slot(slot int) returns void language plpgsql as $$
        begin
            if (slot <@ (scaling_sharding.held()).owned) is not true then
                perform scaling_sharding.refuse(slot);
            end if;
        end $$;
        grant usage on schema scaling_sharding to public;
        grant select on scaling_sharding.shard to public;
        """;

    /// <summary>The log of changed keys and the triggers of one table.</summary>
    public static string Guard(MovingTable table)
    {
        string keys = table.KeyList("");
        string Check(string rows) => $"""
                    select r.{table.Slot} into stray from {rows} r where (r.{table.Slot} <@ held.owned) is not true limit 1;
                    if found then
                        perform scaling_sharding.refuse(stray);
                    end if;
                    if not isempty(held.moving) then
                        insert into {table.Log} select {table.KeyList("r.")} from {rows} r where r.{table.Slot} <@ held.moving;
                    end if;
            """;
        return $"""
            drop table if exists {table.Log};
            create table {table.Log} as select {keys} from {table.Name} with no data;
            create or replace function {table.GuardFunction}() returns trigger
                language plpgsql security definer set search_path = pg_catalog as $$
            declare
                held record;
                stray int;
            begin
                if current_setting('scaling_sharding.mover', true) = 'on' then
                    return null;
                end if;
                held := scaling_sharding.held();
                if tg_op <> 'INSERT' then
            {Check("old_rows")}
                end if;
                if tg_op <> 'DELETE' then
            {Check("new_rows")}
                end if;
                return null;
            end $$;
            create or replace trigger scaling_sharding_insert after insert on {table.Name}
                referencing new table as new_rows for each statement execute function {table.GuardFunction}();
            create or replace trigger scaling_sharding_update after update on {table.Name}
                referencing old table as old_rows new table as new_rows for each statement execute function {table.GuardFunction}();
            create or replace trigger scaling_sharding_delete after delete on {table.Name}
                referencing old table as old_rows for each statement execute function {table.GuardFunction}();
            create or replace function scaling_sharding.no_truncate() returns trigger language plpgsql as $$
            begin
                if not isempty((select moving from scaling_sharding.shard)) then
                    raise exception 'slots of % are being moved: it cannot be truncated now', tg_relid::regclass;
                end if;
                return null;
            end $$;
            create or replace trigger scaling_sharding_truncate before truncate on {table.Name}
                for each statement execute function scaling_sharding.no_truncate();
            """;
    }
}
