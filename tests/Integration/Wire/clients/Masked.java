import java.sql.*;

/** Reads masked columns of several types as values of their types: the first times as text, then in binary form, which the driver asks for once it has
    prepared a statement. */
public final class Masked {
    public static void main(String[] args) throws Exception {
        try (Connection connection = DriverManager.getConnection(args[0], args[1], args[2]);
             PreparedStatement statement = connection.prepareStatement("SELECT id, name, ssn, salary, dob, profile, tags, photo FROM customers WHERE id = ?")) {
            for (int time = 0; time < 4; time++) {
                statement.setInt(1, 1);
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    System.out.println(rows.getInt(1) + " " + rows.getString(2) + " " + rows.getString(3) + " " + rows.getObject(4, Integer.class) + " " + rows.getDate(5)
                        + " " + rows.getString(6) + " " + rows.getArray(7) + " " + rows.getBytes(8));
                }
            }
        }
    }
}
