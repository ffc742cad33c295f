namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// What the agent asks the server's own catalogs. What a view, a default, a check or a function runs is not read from its text: the server has worked it
/// out already, with the names as they were meant (`pg_depend`), and leaves built-in functions out of it.
/// </summary>
internal static class PgCatalogSql
{
    public const string Begin = "begin isolation level repeatable read read only";
    public const string End = "commit";

    private static readonly string[] Catalogs =
    [
        "class", "attribute", "proc", "trigger", "rewrite", "constraint", "type", "cast", "operator", "inherits", "policy", "attrdef", "event_trigger",
        "namespace", "statistic_ext", "range", "partitioned_table",
    ];

    /// <summary>Changes whenever something changes that the catalog is made of; vacuum and statistics do not matter. Whoever asks, its names mean the same.</summary>
    public static readonly string Parts =
        $"select pg_catalog.md5(pg_catalog.string_agg(part, ' ')) from ({string.Join(" union all ", Catalogs.Select(c =>
            $"select pg_catalog.concat('{c}', pg_catalog.count(*), ':', pg_catalog.sum(xmin::pg_catalog.text::pg_catalog.int8)) as part from pg_catalog.pg_{c}"))}) parts";

    /// <summary>The same, a blank, and the search path.</summary>
    public static readonly string Fingerprint = $"select pg_catalog.concat(({Parts}), ' ', pg_catalog.current_setting('search_path'))";

    /// <summary>setting, schemas as JSON, event triggers, login, role</summary>
    public const string Session =
        """
        select current_setting('search_path'), array_to_json(current_schemas(true)),
               (select count(*) from pg_event_trigger where evtenabled <> 'D'), session_user, current_user
        """;

    /// <summary>Objects with a lower number came with PostgreSQL itself.</summary>
    private const string Shipped = "< 16384";

    private const string Own = ">= 16384";

    /// <summary>What differs whenever something differs of what came with PostgreSQL, at one server: its version, and its functions and relations row by row.</summary>
    public static readonly string ShippedFingerprint =
        $"""
        select pg_catalog.concat_ws(' ', pg_catalog.version(),
          {Sum("pg_proc", "oid, xmin", "oid")}, {Sum("pg_class", "oid, xmin", "oid")}, {Sum("pg_attribute", "attrelid, attnum, xmin", "attrelid")},
          {Sum("pg_namespace", "oid, xmin", "oid")}, {Sum("pg_language", "oid, xmin", "oid")}, {Sum("pg_inherits", "inhrelid, inhparent", "inhrelid")},
          {Sum("pg_depend", "objid, refobjid", "deptype = 'e' and objid")})
        """;

    public static readonly string ShippedRelations = $"{Relations} and c.oid {Shipped}";

    public static readonly string OwnRelations = $"{Relations} and c.oid {Own}";

    public static readonly string ShippedFunctions = $"{Functions} where p.oid {Shipped}";

    public static readonly string OwnFunctions = $"{Functions} where p.oid {Own}";

    /// <summary>oid, schema, name, kind, columns as JSON [name, number, type, not null], parents as JSON, a view's definition, whether policies filter it</summary>
    private const string Relations =
        """
        select c.oid, n.nspname, c.relname, c.relkind,
               (select coalesce(json_agg(json_build_array(a.attname, a.attnum, a.atttypid::bigint, a.attnotnull) order by a.attnum), '[]')
                from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
               (select coalesce(json_agg(pn.nspname || '.' || p.relname), '[]')
                from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_namespace pn on pn.oid = p.relnamespace where i.inhrelid = c.oid),
               case when c.relkind in ('v', 'm') and c.oid >= 16384 then pg_get_viewdef(c.oid) end, c.relrowsecurity
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_(toast|temp)'
        """;

    /// <summary>relation's oid, the relation it reads</summary>
    public const string Reads =
        """
        select distinct r.ev_class, n.nspname || '.' || c.relname
        from pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and r.ev_type = '1'
          join pg_class c on d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid join pg_namespace n on n.oid = c.relnamespace
        where c.oid <> r.ev_class and r.ev_class >= 16384
        """;

    /// <summary>relation's oid, events, function's oid</summary>
    public const string Runs =
        """
        select distinct o.rel, o.events, case when d.refclassid = 'pg_operator'::regclass then (select oprcode::oid from pg_operator where oid = d.refobjid) else d.refobjid end
        from pg_depend d join (
          select 'pg_rewrite'::regclass as class, oid as object, ev_class as rel, 31 as events from pg_rewrite where ev_type = '1'
          union all select 'pg_attrdef'::regclass, oid, adrelid, 6 from pg_attrdef
          union all select 'pg_constraint'::regclass, oid, conrelid, 6 from pg_constraint where conrelid <> 0
          union all select 'pg_policy'::regclass, oid, polrelid, 31 from pg_policy
          union all select 'pg_class'::regclass, indexrelid, indrelid, 6 from pg_index
          union all select 'pg_class'::regclass, partrelid, partrelid, 31 from pg_partitioned_table
          union all select 'pg_statistic_ext'::regclass, oid, stxrelid, 31 from pg_statistic_ext) o on d.classid = o.class and d.objid = o.object
        where d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass) and o.rel >= 16384
        """;

    /// <summary>relation's oid, events, why, function's oid, the relation that is changed, what happens to its rows, the columns that it depends on as JSON, a
    /// rule's definition</summary>
    public const string Hazards =
        """
        select tgrelid, (tgtype::int & 4) / 2 | (tgtype::int & 16) / 4 | (tgtype::int & 8) | (tgtype::int & 32) / 2, 'its trigger `' || tgname || '` runs code of its own', tgfoid::oid, null, 0, null, null
        from pg_trigger where not tgisinternal and tgenabled <> 'D'
        union all
        select ev_class, case ev_type when '1' then 1 when '2' then 4 when '3' then 2 else 8 end, 'its rule `' || rulename || '` makes something else of it', 0, null, 0, null, pg_get_ruledef(oid)
        from pg_rewrite where rulename <> '_RETURN' and ev_enabled <> 'D' and ev_class >= 16384 and not (ev_qual::text = '<>' and pg_get_ruledef(oid) ~ ' DO INSTEAD NOTHING;$')
        union all
        select k.confrelid, e.on_event, 'the foreign key `' || k.conname || '` carries it on to other rows', 0, n.nspname || '.' || c.relname, e.then_event,
               case when e.on_event = 4 and not exists (select from pg_attribute a where a.attrelid = k.confrelid and a.attnum = any (k.confkey) and a.attgenerated <> '')
                 then (select json_agg(a.attname) from pg_attribute a where a.attrelid = k.confrelid and a.attnum = any (k.confkey)) end::text, null
        from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace cross join lateral (
          select 8 as on_event, case k.confdeltype when 'c' then 8 else 4 end as then_event where k.confdeltype in ('c', 'n', 'd')
          union all select 4, 4 where k.confupdtype in ('c', 'n', 'd')
          union all select 32, 48) e
        where k.contype = 'f'
        """;

    /// <summary>relation's oid, column's number, `schema.relation.column` that its values come from</summary>
    public const string Sources =
        """
        select k.conrelid, k.column_number, n.nspname || '.' || c.relname || '.' || a.attname
        from (select conrelid, confrelid, unnest(conkey) as column_number, unnest(confkey) as target from pg_constraint where contype = 'f') k
          join pg_class c on c.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
          join pg_attribute a on a.attrelid = k.confrelid and a.attnum = k.target
        union
        select g.adrelid, g.adnum, n.nspname || '.' || c.relname || '.' || a.attname
        from pg_attrdef g join pg_attribute own on own.attrelid = g.adrelid and own.attnum = g.adnum and own.attgenerated <> ''
          join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = g.adrelid and d.refobjsubid > 0 and d.refobjsubid <> g.adnum
            and (d.classid = 'pg_attrdef'::regclass and d.objid = g.oid or d.classid = 'pg_class'::regclass and d.objid = g.adrelid and d.objsubid = g.adnum)
          join pg_class c on c.oid = g.adrelid join pg_namespace n on n.oid = c.relnamespace
          join pg_attribute a on a.attrelid = g.adrelid and a.attnum = d.refobjsubid
        """;

    /// <summary>relation's oid, numbers of columns as JSON that decide together whether a row is taken: by a unique or exclusion constraint or index, a foreign
    /// key, or a check, an expression or a partition over several</summary>
    public const string Ties =
        """
        select rel, json_agg(distinct col) from (
          select 'constraint ' || k.oid as what, k.contype in ('p', 'u', 'x', 'f') as alone, k.conrelid as rel, col
          from pg_constraint k, unnest(k.conkey) col where k.conrelid >= 16384
          union all
          select 'index ' || i.indexrelid, i.indisunique or i.indisexclusion, i.indrelid, col
          from pg_index i, unnest(i.indkey::int2[]) col
          where col > 0 and i.indrelid >= 16384 and (i.indisunique or i.indisexclusion or i.indexprs is not null or i.indpred is not null)
          union all
          select 'index ' || i.indexrelid, i.indisunique or i.indisexclusion, i.indrelid, d.refobjsubid
          from pg_index i join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid
          where d.refobjsubid > 0 and i.indrelid >= 16384 and (i.indisunique or i.indisexclusion or i.indexprs is not null or i.indpred is not null)
          union all
          select 'generated ' || a.attrelid || ' ' || a.attnum, false, a.attrelid, col
          from pg_attribute a join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = a.attrelid and d.refobjsubid > 0 and d.refobjsubid <> a.attnum
            and (d.classid = 'pg_class'::regclass and d.objid = a.attrelid and d.objsubid = a.attnum
              or d.classid = 'pg_attrdef'::regclass and d.objid = (select g.oid from pg_attrdef g where g.adrelid = a.attrelid and g.adnum = a.attnum)),
            unnest(array[a.attnum, d.refobjsubid]) col
          where a.attgenerated <> ''
          union all
          select 'partitions ' || q.partrelid, false, q.partrelid, col from pg_partitioned_table q, unnest(q.partattrs::int2[]) col where col > 0) t
        group by what, alone, rel having alone or count(distinct col) > 1
        """;

    /// <summary>relation's oid, column's number, `schema.relation.column` of a foreign key that refers to it</summary>
    public const string Referring =
        """
        select k.confrelid, k.target, n.nspname || '.' || c.relname || '.' || a.attname
        from (select conrelid, confrelid, unnest(conkey) as referring, unnest(confkey) as target from pg_constraint where contype = 'f') k
          join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.referring
        """;

    /// <summary>oid, schema, name, arguments, variadic, built in, volatility, runs as owner, language, source, defaults, kind, extension, settings as JSON,
    /// definition, types of arguments and result as JSON, the transaction that wrote it</summary>
    private const string Functions =
        """
        select p.oid, n.nspname, p.proname, p.pronargs, p.provariadic <> 0, p.oid < 16384, p.provolatile, p.prosecdef, l.lanname,
               case when p.oid >= 16384 and l.lanname in ('sql', 'plpgsql') then p.prosrc end, p.pronargdefaults, p.prokind,
               (select e.extname from pg_depend d join pg_extension e on e.oid = d.refobjid
                where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'),
               array_to_json(p.proconfig),
               case when p.oid >= 16384 and p.prokind in ('f', 'p') and (l.lanname = 'plpgsql' or l.lanname = 'sql' and p.prosrc = '') then pg_get_functiondef(p.oid) end,
               case when p.oid >= 16384 then array_to_json(p.proargtypes::bigint[] || p.prorettype::bigint) end, p.xmin
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
        """;

    /// <summary>function's oid, oid of a function that runs along with it</summary>
    public const string FunctionRuns =
        """
        select objid, refobjid from pg_depend where classid = 'pg_proc'::regclass and refclassid = 'pg_proc'::regclass and objid >= 16384
        union
        select aggfnoid::oid, unnest(array[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn]::oid[])
        from pg_aggregate where aggfnoid >= 16384
        """;

    /// <summary>schema, symbol, function's oid</summary>
    public const string Operators =
        "select n.nspname, o.oprname, o.oprcode::oid from pg_operator o join pg_namespace n on n.oid = o.oprnamespace where o.oid >= 16384 and o.oprcode <> 0";

    /// <summary>oid, schema, name, oid of a function that may run where a value becomes of this type or something else</summary>
    public const string Types =
        """
        with recursive direct as (
          select c.contypid as type, case when d.refclassid = 'pg_operator'::regclass then (select oprcode::oid from pg_operator where oid = d.refobjid) else d.refobjid end as function
          from pg_constraint c join pg_depend d on d.classid = 'pg_constraint'::regclass and d.objid = c.oid and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass)
          where c.contypid <> 0
          union select castsource, castfunc from pg_cast where castfunc >= 16384
          union select casttarget, castfunc from pg_cast where castfunc >= 16384 and casttarget >= 16384
          union select rngtypid, f from pg_range, unnest(array[rngcanonical::oid, rngsubdiff::oid]) f where f >= 16384
        ), all_of as (
          select type, function from direct
          union select t.oid, a.function from all_of a join pg_type t on t.typtype = 'd' and t.typbasetype = a.type or t.typelem = a.type
        )
        select t.oid, n.nspname, t.typname, a.function from all_of a join pg_type t on t.oid = a.type join pg_namespace n on n.oid = t.typnamespace
        """;

    private static string Sum(string catalog, string row, string number) =>
        $"(select pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat_ws('.', {row}), 0)) from pg_catalog.{catalog} where {number} {Shipped})";
}
