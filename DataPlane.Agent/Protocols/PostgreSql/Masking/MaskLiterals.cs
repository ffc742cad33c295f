using System.Text;
using System.Text.RegularExpressions;
using AccessPlane.Contracts.Masking;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// Definitions and comments that everybody can read, and what is written in them. What is asked of a masked column may name no value of it; nothing at all
/// may look like personal data or a secret. A person may accept one, in writing: in a comment on it.
/// </summary>
internal static partial class MaskLiterals
{
    private static readonly int Sensitive = Detectors.Bits([Detector.PaymentCard, Detector.UsSsn, Detector.Iban, Detector.Jwt, Detector.Secret]);

    /// <summary>Comments and views say whom to ask about them.</summary>
    private static readonly int AndAddresses = Sensitive | Detectors.Bits([Detector.Email]);

    /// <summary>kind, what it is, its text, its relation, columns as JSON, what takes it away</summary>
    public const string Sql =
        $$"""
        select * from (
          select 'condition' as kind, format('constraint %I on %s', k.conname, k.conrelid::regclass) as what, pg_get_constraintdef(k.oid) as said, k.conrelid as rel, to_json(k.conkey) as cols,
                 format('alter table %s drop constraint %I', k.conrelid::regclass, k.conname) as close, obj_description(k.oid, 'pg_constraint') as comment
          from pg_constraint k where k.contype = 'c' and k.conrelid >= 16384
          union all
          select 'text', format('domain %s', k.contypid::regtype), pg_get_constraintdef(k.oid), 0, null,
                 format('alter domain %s drop constraint %I', k.contypid::regtype, k.conname), obj_description(k.oid, 'pg_constraint')
          from pg_constraint k where k.contype = 'c' and k.contypid >= 16384
          union all
          select 'condition', format('partition %s', c.oid::regclass), pg_get_expr(c.relpartbound, c.oid), i.inhparent,
                 (select to_json(q.partattrs::int2[]) from pg_partitioned_table q where q.partrelid = i.inhparent),
                 format('alter table %s detach partition %s', i.inhparent::regclass, c.oid::regclass), obj_description(c.oid, 'pg_class')
          from pg_class c join pg_inherits i on i.inhrelid = c.oid where c.relispartition and c.relpartbound is not null
          union all
          select 'text', format('default of %s.%I', d.adrelid::regclass, a.attname), pg_get_expr(d.adbin, d.adrelid), d.adrelid, null,
                 format('alter table %s alter column %I drop default', d.adrelid::regclass, a.attname), col_description(d.adrelid, d.adnum)
          from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum where d.adrelid >= 16384
          union all
          select 'condition', format('index %s', i.indexrelid::regclass), coalesce(pg_get_expr(i.indexprs, i.indrelid), '') || ' ' || coalesce(pg_get_expr(i.indpred, i.indrelid), ''),
                 i.indrelid, (select json_agg(distinct p.refobjsubid) from pg_depend p
                              where p.classid = 'pg_class'::regclass and p.objid = i.indexrelid and p.refobjid = i.indrelid and p.refobjsubid > 0),
                 format('drop index %s', i.indexrelid::regclass), obj_description(i.indexrelid, 'pg_class')
          from pg_index i where i.indrelid >= 16384 and (i.indexprs is not null or i.indpred is not null)
          union all
          select 'condition', format('policy %I on %s', y.polname, y.polrelid::regclass),
                 coalesce(pg_get_expr(y.polqual, y.polrelid), '') || ' ' || coalesce(pg_get_expr(y.polwithcheck, y.polrelid), ''), y.polrelid,
                 (select json_agg(distinct p.refobjsubid) from pg_depend p
                  where p.classid = 'pg_policy'::regclass and p.objid = y.oid and p.refobjid = y.polrelid and p.refobjsubid > 0),
                 format('drop policy %I on %s', y.polname, y.polrelid::regclass), obj_description(y.oid, 'pg_policy')
          from pg_policy y
          union all
          select 'condition', format('trigger %I on %s', t.tgname, t.tgrelid::regclass), pg_get_triggerdef(t.oid), t.tgrelid,
                 (select json_agg(distinct p.refobjsubid) from pg_depend p
                  where p.classid = 'pg_trigger'::regclass and p.objid = t.oid and p.refobjid = t.tgrelid and p.refobjsubid > 0),
                 format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass), obj_description(t.oid, 'pg_trigger')
          from pg_trigger t where not t.tgisinternal
          union all
          select 'prose', format('view %s', c.oid::regclass), pg_get_viewdef(c.oid), c.oid, null,
                 format('drop %s %s', case c.relkind when 'm' then 'materialized view' else 'view' end, c.oid::regclass), obj_description(c.oid, 'pg_class')
          from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('v', 'm') and c.oid >= 16384 and n.nspname !~ '^accessplane_m_'
          union all
          select 'prose', format('function %s', p.oid::regprocedure), p.prosrc, 0, null, format('drop routine %s', p.oid::regprocedure), obj_description(p.oid, 'pg_proc')
          from pg_proc p join pg_language l on l.oid = p.prolang where p.oid >= 16384 and l.lanname not in ('c', 'internal')
          union all
          select 'prose', format('comment on %s %s', o.type, o.identity), d.description, 0, null,
                 format('comment on %s %s is null', case when o.type like '%column' then 'column' when o.type like '%constraint' then 'constraint' else o.type end, o.identity), d.description
          from pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) o where d.objoid >= 16384
            and o.identity !~ '^("_RETURN" on )?"?accessplane_m_') t
        where coalesce(comment, '') not like '%{{MaskSql.Reviewed}}%'
        """;

    /// <param name="kind">`condition`, `text` or `prose`, which may hold addresses.</param>
    /// <param name="isMasked">It is about a masked column.</param>
    /// <returns>Null for nothing to object to.</returns>
    public static MaskingFinding? Judge(string kind, string what, string said, bool isMasked, string close)
    {
        var why = kind == "condition" && isMasked && (Value().IsMatch(said) || Number().IsMatch(said)) ? "values of a masked column, written in a definition that everybody can read"
            : Detectors.Hide(Encoding.UTF8.GetBytes(said), kind == "prose" ? Sensitive : AndAddresses).Count > 0 ? "what looks like personal data or a secret, in a text that everybody can read"
            : null;
        return why is null ? null : new MaskingFinding("literal", what, $"{why} (a person accepts it in a comment on it that says {MaskSql.Reviewed})", close, true);
    }

    /// <summary>A text that is no pattern and not empty.</summary>
    [GeneratedRegex(@"'[^'\\^$*+?|%{}\[\]()]+'", RegexOptions.CultureInvariant)]
    private static partial Regex Value();

    /// <summary>Of three digits and more, and not the size of a type.</summary>
    [GeneratedRegex(@"(?<![\w.])(?<!\w\()\d{3,}", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
