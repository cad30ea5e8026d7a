package peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.time.Instant;

/** Jackson's streaming parser over the whole event; unused fields are skipped. Not thread-safe. */
public final class Parser {
    private static final JsonFactory JSON = new JsonFactory();

    public void parse(byte[] value, Event event) throws IOException {
        event.type = Event.OTHER;
        event.time = Long.MIN_VALUE;
        event.orderId = "";
        event.cents = 0;
        String key = null;
        try (JsonParser parser = JSON.createParser(value)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) throw new IOException("not an object");
            String field;
            while ((field = parser.nextFieldName()) != null) {
                switch (field) {
                    case "type" -> event.type = type(parser.nextTextValue());
                    case "key" -> {
                        if (event.type == Event.ORDER || event.type == Event.OTHER) key = parser.nextTextValue();
                        else parser.nextToken();
                    }
                    case "event_time" -> {
                        parser.nextToken();
                        event.time = time(parser);
                    }
                    case "total_amount" -> {
                        parser.nextToken();
                        event.cents = cents(
                            parser.getTextCharacters(), parser.getTextOffset(), parser.getTextLength());
                    }
                    default -> {
                        if (parser.nextToken().isStructStart()) parser.skipChildren();
                    }
                }
            }
        }
        if (event.type == Event.ORDER) {
            if (key == null) throw new IOException("an order without key");
            event.orderId = key;
        }
        if (event.time == Long.MIN_VALUE) throw new IOException("no event_time");
    }

    /** Number of the week, Sunday to Saturday, UTC. */
    public static int week(long ms) {
        return (int) Math.floorDiv(Math.floorDiv(ms, 86_400_000L) + 4, 7L);
    }

    private static int type(String name) {
        return switch (name) {
            case "CUSTOMER" -> Event.CUSTOMER;
            case "SITE_VISIT" -> Event.SITE_VISIT;
            case "IMAGE" -> Event.IMAGE;
            case "ORDER" -> Event.ORDER;
            default -> Event.OTHER;
        };
    }

    private static long time(JsonParser parser) throws IOException {
        char[] text = parser.getTextCharacters();
        int at = parser.getTextOffset(), length = parser.getTextLength();
        if (length == 24 && text[at + 10] == 'T' && text[at + 19] == '.' && text[at + 23] == 'Z') {
            return epochDay(number(text, at, 4), number(text, at + 5, 2), number(text, at + 8, 2)) * 86_400_000L
                + number(text, at + 11, 2) * 3_600_000L
                + number(text, at + 14, 2) * 60_000L
                + number(text, at + 17, 2) * 1_000L
                + number(text, at + 20, 3);
        }
        return Instant.parse(new String(text, at, length)).toEpochMilli();
    }

    private static int number(char[] text, int at, int length) {
        int number = 0;
        for (int i = at; i < at + length; i++) number = number * 10 + (text[i] - '0');
        return number;
    }

    private static long epochDay(int year, int month, int day) {
        if (month <= 2) year--;
        int era = Math.floorDiv(year, 400), ofEra = year - era * 400;
        int ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        return era * 146_097L + (ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear) - 719_468;
    }

    /** "12.34 USD" as whole cents. */
    private static long cents(char[] text, int at, int length) throws IOException {
        long cents = 0;
        int i = at, end = at + length, decimals = 0;
        for (; i < end && text[i] >= '0' && text[i] <= '9'; i++) cents = cents * 10 + (text[i] - '0');
        if (i < end && text[i] == '.') {
            for (i++; i < end && text[i] >= '0' && text[i] <= '9' && decimals < 2; i++, decimals++) {
                cents = cents * 10 + (text[i] - '0');
            }
        }
        for (; decimals < 2; decimals++) cents *= 10;
        if (i >= end || text[i] != ' ') throw new IOException("amount " + new String(text, at, length));
        return cents;
    }
}
