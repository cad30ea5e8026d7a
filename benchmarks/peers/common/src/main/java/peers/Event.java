package peers;

/** One parsed event; reused, mutable. */
public final class Event {
    public static final int CUSTOMER = 0, SITE_VISIT = 1, IMAGE = 2, ORDER = 3, OTHER = 4;

    /** The record's key; only for peers that need it in the event. */
    public String customer;
    public int type;
    /** Milliseconds since 1970. */
    public long time;
    public String orderId = "";
    public long cents;
}
