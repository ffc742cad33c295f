namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>What is asked of the server's catalogs before masks are made. Names come out as they are with nothing but `pg_catalog` in the search path.</summary>
internal static class MaskGroundSql
{
    /// <summary>All of one moment.</summary>
    public const string Begin = "begin isolation level repeatable read";

    /// <summary>Nothing that a schema of users holds stands in for a catalog or an operator, and constants are spelled the same whatever the session says.</summary>
    public const string Plain =
        "set local search_path = pg_catalog; set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local extra_float_digits = 1";

    /// <summary>Relations that are nobody's but the database's users.</summary>
    private const string Theirs =
        """
        c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname !~ '^accessplane_m_'
          and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
        """;

    public const string Path = "select current_setting('search_path')";

    /// <summary>database, role, version, superuser, may create roles, schemas, let connect, public connects, owner exists, may become it, may grant it, missing roles, database's OID</summary>
    public static string Agent(IEnumerable<string> members) =>
        $"""
        select current_database(), current_user, current_setting('server_version_num'), r.rolsuper, r.rolcreaterole or r.rolsuper,
               has_database_privilege(current_database(), 'CREATE'), has_database_privilege(current_database(), 'CONNECT WITH GRANT OPTION'),
               has_database_privilege('public', current_database(), 'CONNECT'), o.oid is not null,
               r.rolsuper or coalesce(pg_has_role(o.oid, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end), false),
               r.rolsuper or coalesce(case when current_setting('server_version_num')::int >= 160000
                 then pg_has_role(o.oid, 'MEMBER WITH ADMIN OPTION') else r.rolcreaterole end, r.rolcreaterole),
               (select coalesce(json_agg(m), '[]') from unnest({MaskSql.Texts(members)}) m where not exists (select from pg_roles where rolname = m)),
               (select oid from pg_database where datname = current_database())
        from pg_roles r left join pg_roles o on o.rolname = '{MaskSql.Owner}' where r.rolname = current_user
        """;

    /// <summary>name, public, held, grantable</summary>
    public static string Schemas(string members) =>
        $"""
        select n.nspname, has_schema_privilege('public', n.oid, 'USAGE'), (select bool_or(has_schema_privilege(m, n.oid, 'USAGE')) from {members} m),
               has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION')
        from pg_namespace n where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname !~ '^accessplane_m_'
        """;

    /// <summary>oid, schema, name, kind, columns as JSON, held, grantable, has policies, triggers, has rules, comment</summary>
    public static string Relations(string members) =>
        $"""
        with recursive domains as (
          select oid as domain, typbasetype as base, typtypmod as modifier from pg_type where typtype = 'd'
          union all select d.domain, t.typbasetype, t.typtypmod from domains d join pg_type t on t.oid = d.base and t.typtype = 'd'
        ), bases as (select d.* from domains d join pg_type t on t.oid = d.base where t.typtype <> 'd')
        select c.oid, n.nspname, c.relname, c.relkind,
          (select coalesce(json_agg(json_build_array(
                    a.attname, a.attnum, format_type(t.oid, coalesce(b.modifier, a.atttypmod)), t.oid::bigint, coalesce(b.modifier, a.atttypmod),
                    (select format('%I.%I', ln.nspname, l.collname) from pg_collation l join pg_namespace ln on ln.oid = l.collnamespace
                     where l.oid = a.attcollation and a.attcollation <> t.typcollation),
                    case when (p.held & 7) = 7 or c.relkind = 'S' then 0 else
                      (select bit_or(has_column_privilege(m, c.oid, a.attnum, 'SELECT')::int + has_column_privilege(m, c.oid, a.attnum, 'INSERT')::int * 2
                                     + has_column_privilege(m, c.oid, a.attnum, 'UPDATE')::int * 4) from {members} m) end,
                    col_description(c.oid, a.attnum)) order by a.attnum), '[]')
           from pg_attribute a left join bases b on b.domain = a.atttypid join pg_type t on t.oid = coalesce(b.base, a.atttypid)
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
          p.held, p.grantable,
          c.relrowsecurity and exists (select from pg_policy y where y.polrelid = c.oid and y.polroles <> array[0::oid]),
          (select coalesce(bit_or((g.tgtype::int & 4) / 2 + (g.tgtype::int & 16) / 4 + (g.tgtype::int & 8)), 0) from pg_trigger g
           where g.tgrelid = c.oid and not g.tgisinternal and g.tgenabled <> 'D'
             and coalesce(obj_description(g.tgfoid, 'pg_proc'), '') not like '%{MaskSql.Reviewed}%'),
          exists (select from pg_rewrite w where w.ev_class = c.oid and w.ev_type <> '1' and w.ev_enabled <> 'D'), obj_description(c.oid, 'pg_class')
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
          cross join lateral (
            select case when c.relkind = 'S'
                     then (select bit_or(has_sequence_privilege(m, c.oid, 'SELECT')::int + has_sequence_privilege(m, c.oid, 'UPDATE')::int * 4
                                         + has_sequence_privilege(m, c.oid, 'USAGE')::int * 16) from {members} m)
                     else (select bit_or(has_table_privilege(m, c.oid, 'SELECT')::int + has_table_privilege(m, c.oid, 'INSERT')::int * 2
                                         + has_table_privilege(m, c.oid, 'UPDATE')::int * 4 + has_table_privilege(m, c.oid, 'DELETE')::int * 8) from {members} m) end as held,
                   case when c.relkind = 'S'
                     then has_sequence_privilege(c.oid, 'SELECT WITH GRANT OPTION')::int + has_sequence_privilege(c.oid, 'UPDATE WITH GRANT OPTION')::int * 4
                          + has_sequence_privilege(c.oid, 'USAGE WITH GRANT OPTION')::int * 16
                     else has_table_privilege(c.oid, 'SELECT WITH GRANT OPTION')::int + has_table_privilege(c.oid, 'INSERT WITH GRANT OPTION')::int * 2
                          + has_table_privilege(c.oid, 'UPDATE WITH GRANT OPTION')::int * 4 + has_table_privilege(c.oid, 'DELETE WITH GRANT OPTION')::int * 8 end as grantable) p
        where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and {Theirs} order by n.nspname, c.relname
        """;

    /// <summary>child, parent</summary>
    public const string Inherits = "select inhrelid, inhparent from pg_inherits";

    /// <summary>relation, column, relation, column</summary>
    public const string Links =
        """
        select k.conrelid, pair.one, k.confrelid, pair.other from pg_constraint k, unnest(k.conkey, k.confkey) as pair(one, other) where k.contype = 'f'
        """;

    /// <summary>relation that is referred to, on which write, relation that refers, what happens there</summary>
    public const string Cascades =
        """
        select confrelid, 8, conrelid, case confdeltype when 'c' then 8 else 4 end from pg_constraint where contype = 'f' and confdeltype in ('c', 'n', 'd')
        union all
        select confrelid, 4, conrelid, 4 from pg_constraint where contype = 'f' and confupdtype in ('c', 'n', 'd')
        """;

    /// <summary>relation, column, column that it is computed from</summary>
    public const string Generated =
        """
        select p.objid, p.objsubid, p.refobjsubid from pg_depend p
        where p.classid = 'pg_class'::regclass and p.objsubid > 0 and p.refclassid = 'pg_class'::regclass and p.refobjid = p.objid and p.refobjsubid > 0
        union
        select d.adrelid, d.adnum, p.refobjsubid from pg_attrdef d
          join pg_depend p on p.classid = 'pg_attrdef'::regclass and p.objid = d.oid and p.refclassid = 'pg_class'::regclass and p.refobjid = d.adrelid
        where p.refobjsubid > 0 and p.refobjsubid <> d.adnum
        """;

    /// <summary>relation, columns as JSON. Plain indexes look at columns together too, but nothing fails over them.</summary>
    public const string Tangles =
        """
        select t.rel, json_agg(distinct t.col) from (
          select format('%s %s %s', p.classid, p.objid, p.objsubid) as what, p.refobjid as rel, p.refobjsubid as col
          from pg_depend p join pg_class c on c.oid = p.refobjid and c.relkind in ('r', 'p')
          where p.refclassid = 'pg_class'::regclass and p.refobjsubid > 0 and p.refobjid >= 16384
            and (p.classid = 'pg_constraint'::regclass or p.classid = 'pg_class'::regclass and p.objid = p.refobjid
                 or p.classid = 'pg_class'::regclass and exists (
                      select from pg_index i where i.indexrelid = p.objid and (i.indisunique or i.indexprs is not null or i.indpred is not null)))
          union all
          select format('%s %s %s', p.classid, p.objid, p.objsubid), p.objid, p.objsubid from pg_depend p
          where p.classid = 'pg_class'::regclass and p.objsubid > 0 and p.refclassid = 'pg_class'::regclass and p.refobjid = p.objid and p.refobjsubid > 0
          union all
          select format('constraint %s', k.oid), k.conrelid, col from pg_constraint k, unnest(k.conkey) col where k.conrelid <> 0
          union all
          select format('index %s', i.indexrelid), i.indrelid, col from pg_index i, unnest(i.indkey::int2[]) col
          where col > 0 and i.indrelid >= 16384 and (i.indisunique or i.indexprs is not null or i.indpred is not null)
          union all
          select format('partitions %s', q.partrelid), q.partrelid, col from pg_partitioned_table q, unnest(q.partattrs::int2[]) col where col > 0) t
        group by t.what, t.rel having count(distinct t.col) > 1
        """;

    /// <summary>
    /// relation, is a rule, what it reads, column, uses whole rows. Whole rows, and the server's own tables of statistics, large objects and secrets, leave no
    /// trace among the dependencies: they are told by the parsed definition.
    /// </summary>
    public const string Readings =
        """
        select r.ev_class, r.ev_type <> '1', case when p.refclassid = 'pg_class'::regclass then p.refobjid else 0 end,
               case when p.refclassid = 'pg_class'::regclass then p.refobjsubid else 0 end, bool_or(r.ev_action::text ~ ':varattno 0 ')
        from pg_rewrite r join pg_depend p on p.classid = 'pg_rewrite'::regclass and p.objid = r.oid
        where r.ev_class >= 16384 and (p.refclassid = 'pg_class'::regclass and p.refobjid <> r.ev_class or p.refclassid = 'pg_proc'::regclass and p.refobjid >= 16384)
        group by 1, 2, 3, 4
        union all
        select ev_class, ev_type <> '1', 0, -1, true from pg_rewrite where ev_class >= 16384 and ev_action::text ~ ':relid (1260|1418|2613|2619|3429|6100) '
        """;

    /// <summary>schema, signature, grantable</summary>
    public static string Routines(string members) =>
        $"""
        select n.nspname, p.oid::regprocedure, has_function_privilege(p.oid, 'EXECUTE WITH GRANT OPTION')
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
        where p.oid >= 16384 and not p.prosecdef and (l.lanpltrusted and l.lanispl or l.lanname = 'sql') and not has_function_privilege('public', p.oid, 'EXECUTE')
          and n.nspname !~ '^pg_' and n.nspname !~ '^accessplane_m_' and (select bool_or(has_function_privilege(m, p.oid, 'EXECUTE')) from {members} m)
        """;

    /// <summary>name, owner</summary>
    public static string MadeSchemas(string hash) =>
        $"select nspname, pg_get_userbyid(nspowner) from pg_namespace where starts_with(nspname, '{MaskSql.SchemaPrefix}{hash}_')";

    /// <summary>schema, name, owner, options, definition's hash, what is recorded of it, oid, comments as JSON. The record stands on the view's rule, where
    /// nobody comes across it.</summary>
    public static string MadeViews(string hash) =>
        $"""
        select n.nspname, c.relname, pg_get_userbyid(c.relowner), coalesce(array_to_string(c.reloptions, ','), ''), md5(pg_get_viewdef(c.oid)),
          (select obj_description(w.oid, 'pg_rewrite') from pg_rewrite w where w.ev_class = c.oid and w.rulename = '_RETURN'), c.oid,
          (select coalesce(json_object_agg(coalesce(a.attname, ''), d.description), '{"{}"}') from pg_description d left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid
           where d.classoid = 'pg_class'::regclass and d.objoid = c.oid and (d.objsubid = 0) = (a.attnum is null))
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where starts_with(n.nspname, '{MaskSql.SchemaPrefix}{hash}_') and c.relkind = 'v'
        """;

    /// <summary>schema, name, owner, what is remembered</summary>
    public static string MadeMemories(string hash) =>
        $"""
        select n.nspname, d.dictname, pg_get_userbyid(d.dictowner), obj_description(d.oid, 'pg_ts_dict')
        from pg_ts_dict d join pg_namespace n on n.oid = d.dictnamespace where starts_with(n.nspname, '{MaskSql.SchemaPrefix}{hash}_')
        order by d.oid
        """;

    /// <summary>on, schema, name, column, privilege</summary>
    public static string Rights(string role) =>
        $"""
        with r as (select oid from pg_roles where rolname = {MaskSql.Text(role)})
        select case c.relkind when 'S' then 'sequence' else 'table' end, n.nspname, c.relname, null, x.privilege_type
        from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) x where x.grantee = (select oid from r) and c.relpersistence <> 't'
        union all
        select 'table', n.nspname, c.relname, a.attname, x.privilege_type
        from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace, aclexplode(a.attacl) x where x.grantee = (select oid from r)
        union all select 'schema', null, nspname, null, x.privilege_type from pg_namespace, aclexplode(nspacl) x where x.grantee = (select oid from r)
        union all select 'routine', null, p.oid::regprocedure::text, null, x.privilege_type from pg_proc p, aclexplode(p.proacl) x where x.grantee = (select oid from r)
        union all
        select 'database', null, datname, null, x.privilege_type from pg_database, aclexplode(datacl) x where x.grantee = (select oid from r) and datname = current_database()
        """;

    /// <summary>exists, comment, and what it should not have</summary>
    public static string Group(string group) =>
        $"""
        select shobj_description(r.oid, 'pg_authid'),
               (select coalesce(json_agg(distinct pg_describe_object(s.classid, s.objid, 0)), '[]') from pg_shdepend s
                where s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid and (s.dbid = (select oid from pg_database where datname = current_database()) or s.dbid = 0)
                  and (s.deptype = 'o' or s.deptype = 'a' and s.classid not in
                       ('pg_class'::regclass, 'pg_namespace'::regclass, 'pg_proc'::regclass, 'pg_database'::regclass)))
        from pg_roles r where r.rolname = {MaskSql.Text(group)}
        """;

    /// <summary>Groups without members that the agent's role can drop: name, comment, database. A role that made one is a member of it with nothing but the
    /// right to give it on, and from 16 on needs that right.</summary>
    public const string Groups =
        """
        select r.rolname, shobj_description(r.oid, 'pg_authid'), current_database() from pg_roles r
        where r.rolname ~ '^accessplane_g_[0-9a-f]{12}$' and not exists (select from pg_auth_members m where m.roleid = r.oid and not m.admin_option)
          and (current_setting('server_version_num')::int < 160000 or pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION'))
        """;

    /// <summary>Tables behind views of masks: schema, name</summary>
    public const string Behind =
        """
        select distinct n.nspname, c.relname from pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
          join pg_class v on v.oid = r.ev_class join pg_namespace m on m.oid = v.relnamespace and m.nspname ~ '^accessplane_m_'
          join pg_class c on d.refclassid = 'pg_class'::regclass and c.oid = d.refobjid join pg_namespace n on n.oid = c.relnamespace where c.oid <> v.oid
        """;
}
