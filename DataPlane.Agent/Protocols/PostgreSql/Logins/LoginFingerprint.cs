namespace AccessPlane.Agent.Protocols.PostgreSql.Logins;

/// <summary>What differs whenever something changed that decides on what a masked login can reach: the catalog, privileges, roles and their members.</summary>
internal static class LoginFingerprint
{
    /// <summary>Without the logins that come and go with sessions.</summary>
    private const string Sql =
        """
        select md5(string_agg(part, ' ')) from (
          select 'r' || md5(string_agg(concat_ws(':', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolconfig), ' ' order by rolname)) as part
            from pg_roles where rolname not like 'accessplane\_s\_%'
          union all select 'm' || count(*) || ':' || sum(m.xmin::text::bigint) from pg_auth_members m
            where not exists (select from pg_roles r where r.oid in (m.member, m.roleid) and r.rolname like 'accessplane\_s\_%')
          union all select 'D' || coalesce(md5(datacl::text), '') from pg_database where datname = current_database()
          union all select 'q' || count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_default_acl
          union all select 'E' || count(*) || ':' || sum(xmin::text::bigint) from pg_extension
          union all select 'f' || count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_foreign_data_wrapper
          union all select 's' || count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_foreign_server
          union all select 'u' || count(*) || ':' || coalesce(sum(umid::bigint), 0) from pg_user_mappings
          union all select 'L' || count(*) || ':' || sum(xmin::text::bigint) from pg_language
          union all select 'o' || count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_largeobject_metadata
          union all select 'h' || count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_description where objoid >= 16384
          union all select current_setting('lo_compat_privileges')) parts
        """;

    public static async Task<string> Of(PgQueries own, CancellationToken cancel) =>
        string.Join(' ', (await own.Rows($"{PgCatalogSql.Fingerprint};{Sql}", cancel)).Select(r => r[0])); // in one round trip
}
