import java.sql.*;
import java.util.*;

/** Every question that the JDBC driver asks of the catalogs, with its answer, for the same questions to be asked twice and compared. With a fourth argument
    tables may be views: what only tables can is left out. */
public final class Metadata {
    public static void main(String[] args) throws Exception {
        try (Connection connection = DriverManager.getConnection(args[0], args[1], args[2])) {
            DatabaseMetaData metadata = connection.getMetaData();
            String any = "%";
            ask("getTables", () -> metadata.getTables(null, "shop", any, null));
            ask("getTables of kinds", () -> metadata.getTables(null, null, "c%", new String[] {"TABLE", "VIEW", "MATERIALIZED VIEW", "PARTITIONED TABLE", "SEQUENCE", "INDEX"}));
            ask("getColumns", () -> metadata.getColumns(null, "shop", any, any));
            ask("getColumns of one", () -> metadata.getColumns(null, "shop", "customers", "s%"));
            ask("getPrimaryKeys", () -> metadata.getPrimaryKeys(null, "shop", "customers"));
            ask("getImportedKeys", () -> metadata.getImportedKeys(null, "shop", "orders"));
            ask("getExportedKeys", () -> metadata.getExportedKeys(null, "shop", "customers"));
            ask("getCrossReference", () -> metadata.getCrossReference(null, "shop", "customers", null, "shop", "orders"));
            ask("getIndexInfo", () -> metadata.getIndexInfo(null, "shop", "customers", false, true));
            ask("getBestRowIdentifier", () -> metadata.getBestRowIdentifier(null, "shop", "customers", DatabaseMetaData.bestRowSession, true));
            ask("getVersionColumns", () -> metadata.getVersionColumns(null, "shop", "customers"));
            ask("getTypeInfo", metadata::getTypeInfo);
            ask("getUDTs", () -> metadata.getUDTs(null, "shop", any, null));
            ask("getFunctions", () -> metadata.getFunctions(null, "shop", any));
            ask("getFunctionColumns", () -> metadata.getFunctionColumns(null, "shop", any, any));
            ask("getProcedures", () -> metadata.getProcedures(null, "shop", any));
            ask("getProcedureColumns", () -> metadata.getProcedureColumns(null, "shop", any, any));
            ask("getSchemas", metadata::getSchemas);
            ask("getSchemas of a name", () -> metadata.getSchemas(null, "sh%"));
            ask("getCatalogs", metadata::getCatalogs);
            ask("getTableTypes", metadata::getTableTypes);
            ask("getTablePrivileges", () -> metadata.getTablePrivileges(null, "shop", any));
            ask("getColumnPrivileges", () -> metadata.getColumnPrivileges(null, "shop", "customers", any));
            ask("getClientInfoProperties", metadata::getClientInfoProperties);
            System.out.println(metadata.getMaxTableNameLength() + " " + metadata.getSQLKeywords().length() + " " + metadata.getStringFunctions());
            try (Statement statement = connection.createStatement(ResultSet.TYPE_SCROLL_SENSITIVE, ResultSet.CONCUR_UPDATABLE);
                 ResultSet rows = statement.executeQuery("SELECT * FROM customers WHERE id = 1")) {
                ResultSetMetaData columns = rows.getMetaData();
                for (int i = 1; i <= columns.getColumnCount(); i++) {
                    System.out.println(columns.getColumnName(i) + " " + columns.getTableName(i) + " " + columns.getSchemaName(i) + " " + columns.getColumnTypeName(i)
                        + " " + columns.isNullable(i) + " " + columns.isAutoIncrement(i) + " " + columns.getColumnClassName(i));
                }
                rows.next();
                if (args.length < 4) {
                    rows.updateString("notes", rows.getString("notes")); // asks for the primary key
                }
                System.out.println("updatable " + rows.getInt("id") + " " + rows.getString("name"));
            }
            try (PreparedStatement statement = connection.prepareStatement("SELECT ssn, name FROM customers WHERE id = ?")) {
                System.out.println(statement.getMetaData().getColumnName(1) + " " + statement.getParameterMetaData().getParameterTypeName(1));
            }
            connection.setAutoCommit(false);
            try (Statement pages = connection.createStatement()) {
                pages.setFetchSize(50);
                int count = 0;
                try (ResultSet rows = pages.executeQuery("SELECT id, name FROM customers ORDER BY id")) {
                    while (rows.next()) {
                        count++;
                    }
                }
                System.out.println("in pages " + count);
            }
            connection.commit();
        }
    }

    private interface Question {
        ResultSet ask() throws SQLException;
    }

    private static void ask(String name, Question question) throws SQLException {
        System.out.println("== " + name);
        try (ResultSet rows = question.ask()) {
            ResultSetMetaData columns = rows.getMetaData();
            while (rows.next()) {
                StringJoiner line = new StringJoiner("|");
                for (int i = 1; i <= columns.getColumnCount(); i++) {
                    line.add(columns.getColumnLabel(i) + "=" + rows.getString(i));
                }
                System.out.println(line);
            }
        }
    }
}
