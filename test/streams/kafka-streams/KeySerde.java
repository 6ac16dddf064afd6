import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.kstream.Window;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.kstream.internals.TimeWindow;

/** Keys: text as it is, and keys with a window as JSON behind a byte that no text begins with. */
public final class KeySerde implements Serde<Object> {
  private static final byte mark = 1;

  @Override
  public Serializer<Object> serializer() {
    return (topic, key) -> {
      if (key == null) return null;
      if (key instanceof String text) return RunCases.bytes(text);
      Windowed<?> windowed = (Windowed<?>) key;
      ObjectNode json = RunCases.json.createObjectNode();
      json.put("key", (String) windowed.key());
      json.put("start", windowed.window().start()).put("end", windowed.window().end());
      json.put("session", windowed.window() instanceof SessionWindow);
      return RunCases.bytes((char) mark + json.toString());
    };
  }

  @Override
  public Deserializer<Object> deserializer() {
    return (topic, data) -> {
      if (data == null) return null;
      if (data.length == 0 || data[0] != mark) return new String(data, StandardCharsets.UTF_8);
      JsonNode json = read(data);
      long start = json.get("start").longValue();
      long end = json.get("end").longValue();
      Window window =
          json.get("session").booleanValue()
              ? new SessionWindow(start, end)
              : new TimeWindow(start, end);
      return new Windowed<>(json.get("key").textValue(), window);
    };
  }

  /** Puts a key that was written into a result. */
  static void describe(byte[] data, ObjectNode out) {
    if (data == null) {
      out.putNull("key");
    } else if (data.length == 0 || data[0] != mark) {
      out.put("key", new String(data, StandardCharsets.UTF_8));
    } else {
      JsonNode json = read(data);
      out.set("key", json.get("key"));
      ObjectNode window = out.putObject("window");
      window.set("start", json.get("start"));
      window.set("end", json.get("end"));
    }
  }

  private static JsonNode read(byte[] data) {
    try {
      return RunCases.json.readTree(data, 1, data.length - 1);
    } catch (IOException error) {
      throw new SerializationException(error);
    }
  }
}
