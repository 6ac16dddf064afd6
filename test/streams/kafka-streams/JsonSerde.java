import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/** Values: JSON, or a count; a null of JSON is a null of Java. */
public final class JsonSerde implements Serde<Object> {
  @Override
  public Serializer<Object> serializer() {
    return (topic, value) -> value == null ? null : RunCases.bytes(value.toString());
  }

  @Override
  public Deserializer<Object> deserializer() {
    return (topic, data) -> {
      if (data == null) return null;
      try {
        JsonNode value = RunCases.json.readTree(data);
        return value.isNull() ? null : value;
      } catch (IOException error) {
        throw new SerializationException("bad json", error);
      }
    };
  }
}
