package peers;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Comparator;
import java.util.Locale;
import java.util.PriorityQueue;
import java.util.stream.Collectors;

/** A top 10, and the number of events that it counts; mergeable. The order by spend / weeks is exact. */
public final class Top {
    public static final int X = 10;

    private record Row(String customer, long cents, int weeks) {}

    private static final Comparator<Row> BEST_FIRST =
        ((Comparator<Row>) (a, b) -> Long.compare(b.cents * a.weeks, a.cents * b.weeks)).thenComparing(Row::customer);

    public long events, customers;
    private final PriorityQueue<Row> worstFirst = new PriorityQueue<>(X + 1, BEST_FIRST.reversed());

    /** Counts a customer; returns whether it may be in the top 10, for only then is its name needed. */
    public boolean count(Customer customer) {
        events += customer.events;
        customers++;
        Row worst = worstFirst.peek();
        return worstFirst.size() < X || customer.cents * worst.weeks >= worst.cents * customer.distinctWeeks();
    }

    public void add(String id, Customer customer) {
        add(new Row(id, customer.cents, customer.distinctWeeks()));
    }

    private void add(Row row) {
        worstFirst.add(row);
        if (worstFirst.size() > X) worstFirst.poll();
    }

    public void merge(Top other) {
        events += other.events;
        customers += other.customers;
        other.worstFirst.forEach(this::add);
    }

    public byte[] encode() {
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            DataOutputStream to = new DataOutputStream(bytes);
            to.writeLong(events);
            to.writeLong(customers);
            to.writeInt(worstFirst.size());
            for (Row row : worstFirst) {
                to.writeUTF(row.customer);
                to.writeLong(row.cents);
                to.writeInt(row.weeks);
            }
            return bytes.toByteArray();
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    public static Top decode(byte[] bytes) {
        try {
            DataInputStream from = new DataInputStream(new ByteArrayInputStream(bytes));
            Top top = new Top();
            top.events = from.readLong();
            top.customers = from.readLong();
            for (int left = from.readInt(); left > 0; left--) {
                top.worstFirst.add(new Row(from.readUTF(), from.readLong(), from.readInt()));
            }
            return top;
        } catch (IOException broken) {
            throw new UncheckedIOException(broken);
        }
    }

    /** The JSON for the topic and for the benchmark's check. */
    public String json() {
        String rows = worstFirst.stream().sorted(BEST_FIRST)
            .map(row -> String.format(Locale.ROOT, "{\"customer_id\":\"%s\",\"cents\":%d,\"weeks\":%d,\"ltv\":%.2f}",
                row.customer, row.cents, row.weeks, 520.0 * row.cents / 100 / row.weeks))
            .collect(Collectors.joining(","));
        return "{\"events\":" + events + ",\"customers\":" + customers + ",\"rows\":[" + rows + "]}";
    }
}
