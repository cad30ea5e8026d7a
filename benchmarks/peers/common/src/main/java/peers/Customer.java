package peers;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** A customer's aggregate without the orders; weeks are a bit set from the first word's week. */
public final class Customer {
    private static final long[] NONE = new long[0];

    public long cents;
    public int events, visits, orders, baseWeek;
    public long[] weeks = NONE;

    /** Marks the week of an event as active. */
    public void add(Event event) {
        events++;
        if (event.type == Event.SITE_VISIT) visits++;
        int week = Parser.week(event.time);
        if (weeks.length == 0) {
            baseWeek = week;
            weeks = new long[] {1};
            return;
        }
        int distance = week - baseWeek;
        if (distance < 0) { // Rare, before the first week seen: the bits move by whole words.
            int words = (-distance + 63) >> 6;
            long[] moved = new long[weeks.length + words];
            System.arraycopy(weeks, 0, moved, words, weeks.length);
            weeks = moved;
            baseWeek -= words << 6;
            distance = week - baseWeek;
        }
        int word = distance >> 6;
        if (word >= weeks.length) weeks = Arrays.copyOf(weeks, word + 1);
        weeks[word] |= 1L << distance;
    }

    public int distinctWeeks() {
        int count = 0;
        for (long word : weeks) count += Long.bitCount(word);
        return count;
    }

    public byte[] encode() {
        ByteBuffer to = ByteBuffer.allocate(24 + 8 * weeks.length);
        to.putLong(cents).putInt(events).putInt(visits).putInt(orders).putInt(baseWeek);
        for (long word : weeks) to.putLong(word);
        return to.array();
    }

    public static Customer decode(byte[] bytes) {
        ByteBuffer from = ByteBuffer.wrap(bytes);
        Customer customer = new Customer();
        customer.cents = from.getLong();
        customer.events = from.getInt();
        customer.visits = from.getInt();
        customer.orders = from.getInt();
        customer.baseWeek = from.getInt();
        customer.weeks = new long[from.remaining() >> 3];
        for (int i = 0; i < customer.weeks.length; i++) customer.weeks[i] = from.getLong();
        return customer;
    }
}
