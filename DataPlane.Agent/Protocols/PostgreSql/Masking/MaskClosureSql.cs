namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// Every way on which a role could come to what its masks hide: one query each, that gives what the way leads through, what it allows, what closes it, and
/// whether it refuses. What PostgreSQL itself made and gave to everybody is no way; what was changed about it is.
/// </summary>
/// <param name="role">The group, or `public` while there is none.</param>
/// <param name="columns">Masked columns, and such that are newer than the masks, as an SQL relation of (rel, col).</param>
/// <param name="hidden">Relations that show masked values in another form, as an SQL relation of (rel).</param>
/// <param name="writable">Tables that the group can write, through whatever, as an SQL relation of (rel).</param>
internal sealed class MaskClosureSql(string role, string columns, string hidden, string writable)
{
    /// <summary>Extensions of PostgreSQL's distribution whose functions only compute, ask for privileges themselves, or run statements as their caller.</summary>
    private const string Harmless =
        """
        'plpgsql', 'hstore', 'pg_trgm', 'pgcrypto', 'fuzzystrmatch', 'intarray', 'citext', 'uuid-ossp', 'unaccent', 'ltree', 'cube', 'earthdistance', 'isn', 'seg',
        'btree_gin', 'btree_gist', 'bloom', 'tablefunc', 'lo', 'dict_int', 'dict_xsyn', 'tsm_system_rows', 'tsm_system_time', 'tcn', 'autoinc', 'moddatetime',
        'insert_username', 'refint', 'pageinspect', 'pgrowlocks', 'pg_buffercache', 'pg_freespacemap', 'pg_visibility', 'pg_prewarm', 'amcheck', 'pgstattuple',
        'pg_stat_statements', 'pg_walinspect', 'pg_surgery', 'sslinfo', 'intagg', 'xml2', 'postgres_fdw', 'file_fdw'
        """;

    private const string Unreviewed = $"coalesce(obj_description(p.oid, 'pg_proc'), '') not like '%{MaskSql.Reviewed}%'";

    private string From => role == "public" ? "public" : $"public, {MaskSql.Name(role)}";
    private string R => MaskSql.Text(role);

    /// <summary>The class of each, and its query.</summary>
    public IEnumerable<(string Class, string Sql)> All =>
    [
        ("attribute", Attributes), ("membership", Memberships), ("masked column", Columns), ("copy of masked columns", Copies), ("trigger privilege", TriggerPrivileges),
        ("security definer", Definers), ("code outside sql", Code), ("built-in function", BuiltIns), ("built-in table", BuiltInTables), ("foreign server", Servers),
        ("create", Creates), ("language", Languages), ("large object", LargeObjects), ("compatibility", Compatibility), ("trigger", Triggers),
        ("event trigger", EventTriggers), ("statistics of statements", Statements),
    ];

    private string Attributes =>
        $"""
        select format('%I', r.rolname), 'everything: the role is more than a role', format('alter role %I nosuperuser noreplication nobypassrls nocreaterole nocreatedb nologin', r.rolname), true
        from pg_roles r where r.rolname = {R} and (rolsuper or rolreplication or rolbypassrls or rolcreaterole or rolcreatedb or rolcanlogin)
        """;

    private string Memberships =>
        $"""
        select format('%I', o.rolname), 'whatever that role may', format('revoke %I from %I', o.rolname, r.rolname), true
        from pg_roles r join pg_roles o on o.oid <> r.oid and not r.rolsuper and pg_has_role(r.oid, o.oid, 'MEMBER') where r.rolname = {R}
        """;

    private string Columns =>
        $"""
        select t.oid::regclass::text, 'values of masked columns, or whether one is there',
               format('revoke select, insert, update, references%s on %s from {From}', case when bool_or(s.held) then ', trigger' else '' end, t.oid::regclass), true
        from ({columns}) m join pg_class t on t.oid = m.rel cross join lateral (select has_table_privilege({R}, t.oid, 'TRIGGER') as held) s
        where has_column_privilege({R}, m.rel, m.col, 'SELECT') or has_column_privilege({R}, m.rel, m.col, 'INSERT')
           or has_column_privilege({R}, m.rel, m.col, 'UPDATE') or has_column_privilege({R}, m.rel, m.col, 'REFERENCES')
        group by t.oid
        """;

    private string Copies =>
        $"""
        select c.oid::regclass::text, 'masked values in another form, or what nobody can follow', format('revoke select on %s from {From}', c.oid::regclass), true
        from ({hidden}) h join pg_class c on c.oid = h.rel
        where has_table_privilege({R}, c.oid, 'SELECT') or c.relkind <> 'S' and has_any_column_privilege({R}, c.oid, 'SELECT')
        """;

    private string TriggerPrivileges =>
        $"""
        select c.oid::regclass::text, 'code that runs with the rights of whoever writes there', format('revoke trigger on %s from {From}', c.oid::regclass), true
        from pg_class c where c.relkind in ('r', 'p', 'v', 'f') and c.oid >= 16384 and has_table_privilege({R}, c.oid, 'TRIGGER')
        """;

    /// <summary>Those few of thousands first: privileges and comments are asked for one function at a time.</summary>
    private string Definers =>
        $"""
        with definers as materialized (select oid from pg_proc where prosecdef),
             used as materialized (
                select oid from definers union
                select a.aggfnoid from pg_aggregate a join definers f on f.oid in (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggmfinalfn))
        select p.oid::regprocedure::text, 'whatever its owner may: it runs with its owner''s rights',
               format('revoke execute on routine %s from {From}', p.oid::regprocedure), true
        from used join pg_proc p on p.oid = used.oid
        where has_function_privilege({R}, p.oid, 'EXECUTE') and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype) and {Unreviewed}
        """;

    private string Code =>
        $"""
        select case when x.extname is null then 'functions in schema ' || quote_ident(n.nspname) else 'extension ' || quote_ident(x.extname) end, 'what its code reaches: it is bound by no privilege',
               case when sum(length(p.oid::regprocedure::text) + 2) < 1500
                 then 'revoke execute on routine ' || string_agg(p.oid::regprocedure::text, ', ' order by p.oid) || ' from {From}'
                 when x.extname is null then format('revoke execute on all routines in schema %I from {From}', n.nspname)
                 else format('comment on extension %I is ''{MaskSql.Reviewed}''', x.extname) end, true
        from pg_proc p join pg_language l on l.oid = p.prolang join pg_namespace n on n.oid = p.pronamespace
          left join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e' and d.refclassid = 'pg_extension'::regclass
          left join pg_extension x on x.oid = d.refobjid
        where p.oid >= 16384 and p.prokind <> 'a' and (l.lanname in ('c', 'internal') or l.lanispl and not l.lanpltrusted) and has_function_privilege({R}, p.oid, 'EXECUTE') and {Unreviewed}
          and (x.oid is null or x.extname not in ({Harmless}) and coalesce(obj_description(x.oid, 'pg_extension'), '') not like '%{MaskSql.Reviewed}%')
          and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype, 'fdw_handler'::regtype, 'language_handler'::regtype, 'index_am_handler'::regtype,
                                   'table_am_handler'::regtype, 'tsm_handler'::regtype, 'internal'::regtype)
          and not ('internal'::regtype = any (p.proargtypes::oid[]))
          and not exists (select from pg_foreign_data_wrapper w where w.fdwvalidator = p.oid)
        group by x.extname, n.nspname
        """;

    /// <summary>What initdb kept from everybody, and somebody gave away.</summary>
    private string BuiltIns =>
        $"""
        select p.oid::regprocedure::text, 'what the server keeps to itself: files, other sessions, its inside', format('revoke execute on function %s from {From}', p.oid::regprocedure), true
        from pg_proc p join pg_init_privs i on i.classoid = 'pg_proc'::regclass and i.objoid = p.oid
        where has_function_privilege({R}, p.oid, 'EXECUTE') and not exists (select from aclexplode(i.initprivs) a where a.grantee = 0 and a.privilege_type = 'EXECUTE')
        """;

    private string BuiltInTables =>
        $"""
        select c.oid::regclass::text, 'what the server keeps to itself: statistics of values, large objects, secrets', format('revoke select on %s from {From}', c.oid::regclass), true
        from pg_class c where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind in ('r', 'v') and (has_table_privilege({R}, c.oid, 'SELECT') or exists (
                select from pg_attribute t, aclexplode(t.attacl) a where t.attrelid = c.oid and c.relname in ('pg_statistic', 'pg_authid', 'pg_largeobject', 'pg_user_mapping')
                  and a.privilege_type = 'SELECT' and (a.grantee = 0 or a.grantee = (select oid from pg_roles where rolname = {R}))))
          and not exists (select from pg_init_privs i, aclexplode(i.initprivs) a where i.classoid = 'pg_class'::regclass and i.objoid = c.oid and i.objsubid = 0
                            and a.grantee = 0 and a.privilege_type = 'SELECT')
        """;

    private string Servers =>
        $"""
        select format('server %I', srvname), 'whatever that server shows, this database among it', format('revoke usage on foreign server %I from {From}', srvname), true
        from pg_foreign_server where has_server_privilege({R}, oid, 'USAGE')
        union all
        select format('foreign-data wrapper %I', fdwname), 'servers and files of the login''s choice', format('revoke usage on foreign data wrapper %I from {From}', fdwname), true
        from pg_foreign_data_wrapper where has_foreign_data_wrapper_privilege({R}, oid, 'USAGE')
        """;

    private string Creates =>
        $"""
        select format('schema %I', nspname), 'objects that run with the rights of whoever uses them', format('revoke create on schema %I from {From}', nspname), true
        from pg_namespace where has_schema_privilege({R}, oid, 'CREATE') and nspname !~ '^pg_(toast_)?temp'
        union all
        select format('database %I', current_database()), 'schemas and publications of the login''s own', format('revoke create on database %I from {From}', current_database()), true
        where has_database_privilege({R}, current_database(), 'CREATE')
        union all
        select format('database %I', current_database()), 'nothing that is masked: temporary tables hold what the login sees anyway',
               format('revoke temporary on database %I from {From}', current_database()), false
        where has_database_privilege({R}, current_database(), 'TEMP')
        """;

    private string Languages =>
        $"""
        select format('language %I', lanname),
               case when lanpltrusted then 'nothing that is masked: its code runs with the login''s own rights' else 'files and processes of the server' end,
               format('revoke usage on language %I from {From}', lanname), not lanpltrusted
        from pg_language where lanispl and has_language_privilege({R}, oid, 'USAGE')
        """;

    private string LargeObjects =>
        $"""
        select count(*) || ' large objects, ' || min(l.oid) || ' among them', 'what is in them: nobody knows whether it is masked elsewhere',
               'do $$ declare l oid; begin for l in select oid from pg_largeobject_metadata loop execute format(''revoke all on large object %s from {From}'', l); end loop; end $$', true
        from pg_largeobject_metadata l where exists (select from aclexplode(l.lomacl) a where a.grantee = 0 or a.grantee = (select oid from pg_roles where rolname = {R}))
        having count(*) > 0
        """;

    private const string Compatibility =
        """
        select 'lo_compat_privileges', 'every large object', format('alter database %I set lo_compat_privileges = off', current_database()), true
        where current_setting('lo_compat_privileges') = 'on'
        """;

    private string Triggers =>
        $"""
        select format('trigger %I on %s', t.tgname, t.tgrelid::regclass), 'whatever the owner of its function may',
               format('alter function %s security invoker', p.oid::regprocedure), true
        from ({writable}) w join pg_trigger t on t.tgrelid = w.rel and not t.tgisinternal and t.tgenabled <> 'D' join pg_proc p on p.oid = t.tgfoid
        where p.prosecdef and {Unreviewed}
        """;

    private const string EventTriggers =
        $"""
        select format('event trigger %I', e.evtname), 'whatever the owner of its function may', format('alter event trigger %I disable', e.evtname), true
        from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid where e.evtenabled <> 'D' and p.prosecdef and {Unreviewed}
        """;

    private string Statements =>
        $"""
        select c.oid::regclass::text, 'how often others'' statements ran; what they say is for members of pg_read_all_stats alone',
               format('revoke select on %s from {From}', c.oid::regclass), false
        from pg_class c join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e' and d.refclassid = 'pg_extension'::regclass
          join pg_extension x on x.oid = d.refobjid and x.extname = 'pg_stat_statements'
        where c.relkind = 'v' and has_table_privilege({R}, c.oid, 'SELECT')
        """;
}
