import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.File;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.Random;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.utils.ImplicitLinkedHashCollection;

/**
 * Prints java-messages.tsv: every message that is generated here, in every version, filled at random and written by
 * Kafka's own Java classes. Needs Java 17 and three jars: kafka-clients, jackson-databind (with its two companions) and
 * slf4j-api. In this folder:
 *
 *   java -cp 'JARS/*' MakeMessages.java ../message-shapes.json > java-messages.tsv
 *
 * A second argument is the seed (42): other seeds give other messages, for JAVA_MESSAGES=FILE of the test.
 */
public class MakeMessages {
    static final ObjectMapper json = new ObjectMapper();
    static Random random;

    public static void main(String[] args) throws Exception {
        random = new Random(args.length > 1 ? Long.parseLong(args[1]) : 42);
        var apis = json.readTree(new File(args[0])).fields();
        while (apis.hasNext()) {
            var api = apis.next();
            String name = Character.toUpperCase(api.getKey().charAt(0)) + api.getKey().substring(1);
            for (var kind : new String[] {"request", "response", "data"}) {
                JsonNode shape = api.getValue().get(kind);
                if (shape == null) continue;
                String suffix = kind.equals("request") ? "Request" : kind.equals("response") ? "Response" : "";
                // The request says which version is stable; its response may list one more.
                JsonNode versions = api.getValue().get(kind.equals("data") ? "data" : "request").get("versions");
                for (int v = versions.get(0).asInt(); v <= versions.get(1).asInt(); v++) {
                    print(name + suffix, kind.equals("data") ? name : name + suffix + "Data", (short) v);
                }
            }
        }
    }

    static void print(String name, String className, short version) throws Exception {
        Class<?> type = Class.forName("org.apache.kafka.common.message." + className);
        Message message = (Message) type.getConstructor().newInstance();
        fill(message, version);
        JsonNode content = (JsonNode) Class.forName(type.getName() + "JsonConverter")
            .getMethod("write", type, short.class, boolean.class)
            .invoke(null, message, version, true);
        String hex = HexFormat.of().formatHex(bytes(message, version));
        System.out.println(name + "\t" + version + "\t" + hex + "\t" + json.writeValueAsString(marked(content)));
    }

    /** Sets every field to something random, or to null, unless the version cannot express that. */
    static void fill(Message message, short version) throws Exception {
        for (Field field : message.getClass().getDeclaredFields()) {
            String name = field.getName();
            boolean isLink = name.equals("next") || name.equals("prev") || name.startsWith("_");
            if (isLink || Modifier.isStatic(field.getModifiers())) continue;
            field.setAccessible(true);
            Object before = field.get(message);
            Class<?> type = field.getType();
            if (!type.isPrimitive() && type != Uuid.class && random.nextInt(4) == 0) {
                field.set(message, null);
                if (isExpressible(message, version)) continue;
            }
            field.set(message, randomValue(field, type, version));
            if (!isExpressible(message, version)) field.set(message, before);
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    static Object randomValue(Field field, Class<?> type, short version) throws Exception {
        if (!Collection.class.isAssignableFrom(type)) return randomScalar(type, field.getName(), version);
        boolean isSet = ImplicitLinkedHashCollection.class.isAssignableFrom(type);
        ParameterizedType generic = (ParameterizedType) (isSet ? type.getGenericSuperclass() : field.getGenericType());
        Class<?> element = (Class<?>) generic.getActualTypeArguments()[0];
        Collection all = isSet ? (Collection) type.getConstructor().newInstance() : new ArrayList();
        for (int left = 1 + random.nextInt(2); left > 0; left--) {
            all.add(randomScalar(element, field.getName(), version));
        }
        return all;
    }

    static Object randomScalar(Class<?> type, String name, short version) throws Exception {
        if (Message.class.isAssignableFrom(type)) {
            Message inner = (Message) type.getConstructor().newInstance();
            fill(inner, version);
            return inner;
        }
        if (name.equals("port")) return random.nextInt(65_536);
        if (type == boolean.class) return random.nextBoolean();
        if (type == byte.class || type == Byte.class) return (byte) random.nextInt();
        if (type == short.class || type == Short.class) return (short) random.nextInt();
        if (type == int.class || type == Integer.class) return random.nextInt();
        if (type == long.class || type == Long.class) return random.nextLong();
        if (type == double.class) return random.nextDouble() * 1000;
        if (type == Uuid.class) return new Uuid(random.nextLong(), random.nextLong());
        if (type == String.class) {
            int kind = random.nextInt(12);
            if (kind == 0) return "";
            return kind == 1 ? "é\u2713\ud83d\ude00".repeat(1 + random.nextInt(15)) : "s" + random.nextInt(100_000);
        }
        byte[] bytes = new byte[random.nextInt(random.nextInt(12) == 0 ? 150 : 6)];
        random.nextBytes(bytes);
        if (type == byte[].class) return bytes;
        if (type == ByteBuffer.class) return ByteBuffer.wrap(bytes);
        if (BaseRecords.class.isAssignableFrom(type)) return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
        throw new IllegalArgumentException(name + " is a " + type);
    }

    static boolean isExpressible(Message message, short version) {
        try {
            bytes(message, version);
            return true;
        } catch (RuntimeException e) {
            return false;
        }
    }

    static byte[] bytes(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        return buffer.array();
    }

    /** An int64 becomes a text with an n behind it: JavaScript's JSON would round it. */
    static JsonNode marked(JsonNode node) {
        if (node instanceof LongNode) return new TextNode(node.asText() + "n");
        if (node.isArray()) {
            ArrayNode copy = json.createArrayNode();
            node.forEach(item -> copy.add(marked(item)));
            return copy;
        }
        if (!node.isObject()) return node;
        ObjectNode copy = json.createObjectNode();
        node.fields().forEachRemaining(entry -> copy.set(entry.getKey(), marked(entry.getValue())));
        return copy;
    }
}
