import java.sql.*;
import java.util.Properties;

/** The JDBC driver through the agent: server-prepared statements, batches, fetch size (portals), metadata, savepoints, errors. */
public final class Client {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        if (args.length > 1) { // they may stand in the address
            properties.setProperty("user", args[1]);
            properties.setProperty("password", args[2]);
        }
        properties.setProperty("prepareThreshold", "2");
        try (Connection connection = DriverManager.getConnection(args[0], properties)) {
            try (PreparedStatement twice = connection.prepareStatement("SELECT ?::int * 2")) {
                for (int i = 0; i < 10; i++) {
                    twice.setInt(1, i);
                    try (ResultSet row = twice.executeQuery()) {
                        check(row.next() && row.getInt(1) == i * 2, "a prepared statement");
                    }
                }
            }
            connection.setAutoCommit(false);
            try (Statement make = connection.createStatement()) {
                make.execute("CREATE TEMP TABLE batch (n int, s text)");
            }
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO batch VALUES (?, ?)")) {
                for (int i = 0; i < 500; i++) {
                    insert.setInt(1, i);
                    insert.setString(2, "row " + i);
                    insert.addBatch();
                }
                check(insert.executeBatch().length == 500, "a batch");
            }
            try (Statement slow = connection.createStatement()) {
                slow.setFetchSize(50); // a portal, suspended and resumed
                int count = 0;
                try (ResultSet rows = slow.executeQuery("SELECT * FROM batch ORDER BY n")) {
                    while (rows.next()) {
                        check(rows.getInt(1) == count++, "rows in order");
                    }
                }
                check(count == 500, "every row through a portal");
            }
            Savepoint before = connection.setSavepoint();
            try (Statement bad = connection.createStatement()) {
                bad.execute("SELECT 1 / 0");
                throw new AssertionError("the division went through");
            } catch (SQLException expected) {
                check("22012".equals(expected.getSQLState()), "the error's code");
                connection.rollback(before);
            }
            connection.commit();
            DatabaseMetaData metadata = connection.getMetaData();
            check(metadata.getDatabaseMajorVersion() >= 15, "the server's version");
            try (ResultSet tables = metadata.getTables(null, "public", "%", new String[] {"TABLE"})) {
                check(tables.next(), "metadata of tables");
            }
            try (ResultSet columns = metadata.getColumns(null, "public", "%", "%")) {
                check(columns.next(), "metadata of columns");
            }
        }
        System.out.println("JDBC: ok");
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what + " did not come through");
        }
    }
}
