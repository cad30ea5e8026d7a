package peers;

import java.io.IOException;
import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** Hand-written serializers of the two hot types, as in a Flink job optimized for speed. */
public final class Serializers {
    private Serializers() {}

    public static final class OfEvent extends TypeSerializerSingleton<Event> {
        public static final OfEvent INSTANCE = new OfEvent();

        @Override
        public boolean isImmutableType() {
            return false;
        }

        @Override
        public Event createInstance() {
            return new Event();
        }

        @Override
        public Event copy(Event from) {
            return copy(from, new Event());
        }

        @Override
        public Event copy(Event from, Event to) {
            to.customer = from.customer;
            to.type = from.type;
            to.time = from.time;
            to.orderId = from.orderId;
            to.cents = from.cents;
            return to;
        }

        @Override
        public int getLength() {
            return -1;
        }

        @Override
        public void serialize(Event event, DataOutputView to) throws IOException {
            StringSerializer.INSTANCE.serialize(event.customer, to);
            to.writeByte(event.type);
            to.writeLong(event.time);
            if (event.type == Event.ORDER) {
                StringSerializer.INSTANCE.serialize(event.orderId, to);
                to.writeLong(event.cents);
            }
        }

        @Override
        public Event deserialize(DataInputView from) throws IOException {
            return deserialize(new Event(), from);
        }

        @Override
        public Event deserialize(Event event, DataInputView from) throws IOException {
            event.customer = StringSerializer.INSTANCE.deserialize(from);
            event.type = from.readByte();
            event.time = from.readLong();
            boolean order = event.type == Event.ORDER;
            event.orderId = order ? StringSerializer.INSTANCE.deserialize(from) : "";
            event.cents = order ? from.readLong() : 0;
            return event;
        }

        @Override
        public void copy(DataInputView from, DataOutputView to) throws IOException {
            serialize(deserialize(from), to);
        }

        @Override
        public TypeSerializerSnapshot<Event> snapshotConfiguration() {
            return new Snapshot();
        }

        public static final class Snapshot extends SimpleTypeSerializerSnapshot<Event> {
            public Snapshot() {
                super(() -> INSTANCE);
            }
        }
    }

    public static final class EventType extends TypeInformation<Event> {
        @Override
        public boolean isBasicType() {
            return false;
        }

        @Override
        public boolean isTupleType() {
            return false;
        }

        @Override
        public int getArity() {
            return 1;
        }

        @Override
        public int getTotalFields() {
            return 1;
        }

        @Override
        public Class<Event> getTypeClass() {
            return Event.class;
        }

        @Override
        public boolean isKeyType() {
            return false;
        }

        @Override
        public TypeSerializer<Event> createSerializer(SerializerConfig config) {
            return OfEvent.INSTANCE;
        }

        @Override
        public String toString() {
            return "Event";
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof EventType;
        }

        @Override
        public int hashCode() {
            return EventType.class.hashCode();
        }

        @Override
        public boolean canEqual(Object other) {
            return other instanceof EventType;
        }
    }

    public static final class OfCustomer extends TypeSerializerSingleton<Customer> {
        public static final OfCustomer INSTANCE = new OfCustomer();

        @Override
        public boolean isImmutableType() {
            return false;
        }

        @Override
        public Customer createInstance() {
            return new Customer();
        }

        @Override
        public Customer copy(Customer from) {
            return copy(from, new Customer());
        }

        @Override
        public Customer copy(Customer from, Customer to) {
            to.cents = from.cents;
            to.events = from.events;
            to.visits = from.visits;
            to.orders = from.orders;
            to.baseWeek = from.baseWeek;
            to.weeks = from.weeks.clone();
            return to;
        }

        @Override
        public int getLength() {
            return -1;
        }

        @Override
        public void serialize(Customer customer, DataOutputView to) throws IOException {
            to.writeLong(customer.cents);
            to.writeInt(customer.events);
            to.writeInt(customer.visits);
            to.writeInt(customer.orders);
            to.writeInt(customer.baseWeek);
            to.writeShort(customer.weeks.length);
            for (long word : customer.weeks) to.writeLong(word);
        }

        @Override
        public Customer deserialize(DataInputView from) throws IOException {
            return deserialize(new Customer(), from);
        }

        @Override
        public Customer deserialize(Customer customer, DataInputView from) throws IOException {
            customer.cents = from.readLong();
            customer.events = from.readInt();
            customer.visits = from.readInt();
            customer.orders = from.readInt();
            customer.baseWeek = from.readInt();
            customer.weeks = new long[from.readShort()];
            for (int i = 0; i < customer.weeks.length; i++) customer.weeks[i] = from.readLong();
            return customer;
        }

        @Override
        public void copy(DataInputView from, DataOutputView to) throws IOException {
            serialize(deserialize(from), to);
        }

        @Override
        public TypeSerializerSnapshot<Customer> snapshotConfiguration() {
            return new Snapshot();
        }

        public static final class Snapshot extends SimpleTypeSerializerSnapshot<Customer> {
            public Snapshot() {
                super(() -> INSTANCE);
            }
        }
    }
}
