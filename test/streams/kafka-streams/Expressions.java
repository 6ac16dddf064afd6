import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.Map;
import org.apache.kafka.streams.kstream.Windowed;

/** The expressions of the oracle's little language. */
final class Expressions {
  private Expressions() {}

  /** Null where the result is null. `variables`: names and what they are, in turn. */
  static JsonNode value(JsonNode expression, Object... variables) {
    ObjectNode given = RunCases.json.createObjectNode();
    for (int i = 0; i < variables.length; i += 2) {
      given.set((String) variables[i], toJson(variables[i + 1]));
    }
    JsonNode result = of(expression, given);
    return result.isNull() ? null : result;
  }

  static String text(JsonNode expression, Object... variables) {
    JsonNode result = value(expression, variables);
    return result == null ? null : textOf(result);
  }

  static boolean test(JsonNode expression, Object... variables) {
    JsonNode result = value(expression, variables);
    return result != null && result.isBoolean() && result.booleanValue();
  }

  static JsonNode toJson(Object value) {
    if (value == null) return NullNode.getInstance();
    if (value instanceof String text) return TextNode.valueOf(text);
    if (value instanceof Long count) return number(count);
    if (value instanceof Windowed<?> windowed) {
      ObjectNode json = RunCases.json.createObjectNode();
      json.set("key", toJson(windowed.key()));
      return json.put("start", windowed.window().start()).put("end", windowed.window().end());
    }
    return (JsonNode) value;
  }

  private static JsonNode of(JsonNode e, JsonNode given) {
    if (e.isTextual()) {
      JsonNode at = given;
      for (String name : e.textValue().split("\\.")) at = at.path(name);
      return at.isMissingNode() ? NullNode.getInstance() : at;
    }
    Map.Entry<String, JsonNode> one = e.properties().iterator().next();
    JsonNode operand = one.getValue();
    return switch (one.getKey()) {
      case "const" -> operand;
      case "obj" -> {
        ObjectNode made = RunCases.json.createObjectNode();
        for (var field : operand.properties()) made.set(field.getKey(), of(field.getValue(), given));
        yield made;
      }
      case "list" -> all(operand, given);
      case "add", "sub", "mul", "max", "min" -> arithmetic(one.getKey(), all(operand, given));
      case "concat" -> {
        StringBuilder made = new StringBuilder();
        for (JsonNode part : all(operand, given)) made.append(textOf(part));
        yield TextNode.valueOf(made.toString());
      }
      case "append" -> {
        ArrayNode parts = all(operand, given);
        yield list(parts.get(0)).add(parts.get(1));
      }
      case "joinLists" -> {
        ArrayNode parts = all(operand, given);
        yield list(parts.get(0)).addAll(list(parts.get(1)));
      }
      case "without" -> {
        ArrayNode parts = all(operand, given);
        ArrayNode made = list(parts.get(0));
        for (int i = 0; i < made.size(); i++) {
          if (!made.get(i).equals(parts.get(1))) continue;
          made.remove(i);
          break;
        }
        yield made;
      }
      case "gt" -> {
        ArrayNode parts = all(operand, given);
        yield BooleanNode.valueOf(parts.get(0).asDouble(0) > parts.get(1).asDouble(0));
      }
      case "eq" -> {
        ArrayNode parts = all(operand, given);
        JsonNode a = parts.get(0);
        JsonNode b = parts.get(1);
        boolean isNumeric = a.isNumber() && b.isNull() || b.isNumber() && a.isNull();
        yield BooleanNode.valueOf(
            isNumeric || a.isNumber() && b.isNumber()
                ? a.asDouble(0) == b.asDouble(0)
                : a.equals(b));
      }
      case "not" -> BooleanNode.valueOf(!isTrue(of(operand, given)));
      case "if" -> of(isTrue(of(operand.get(0), given)) ? operand.get(1) : operand.get(2), given);
      case "split" -> {
        ArrayNode words = RunCases.json.createArrayNode();
        JsonNode text = of(operand, given);
        if (text.isTextual()) for (String word : text.textValue().split(" ")) words.add(word);
        yield words;
      }
      default -> throw new IllegalArgumentException("no operator " + one.getKey());
    };
  }

  private static ArrayNode all(JsonNode operands, JsonNode given) {
    ArrayNode made = RunCases.json.createArrayNode();
    for (JsonNode operand : operands) made.add(of(operand, given));
    return made;
  }

  private static JsonNode arithmetic(String operator, ArrayNode operands) {
    for (JsonNode operand : operands) {
      if (!operand.isNumber()) throw new IllegalArgumentException(operator + " of " + operand);
    }
    double a = operands.get(0).doubleValue();
    double b = operands.get(1).doubleValue();
    double made =
        switch (operator) {
          case "add" -> a + b;
          case "sub" -> a - b;
          case "mul" -> a * b;
          case "max" -> Math.max(a, b);
          default -> Math.min(a, b);
        };
    return number(made);
  }

  /** As they are when they are read. */
  private static JsonNode number(double value) {
    if (value == Math.rint(value) && Math.abs(value) < 1e9) return IntNode.valueOf((int) value);
    return value == Math.rint(value) ? LongNode.valueOf((long) value) : DoubleNode.valueOf(value);
  }

  private static ArrayNode list(JsonNode value) {
    return value.isArray() ? ((ArrayNode) value).deepCopy() : RunCases.json.createArrayNode();
  }

  private static boolean isTrue(JsonNode value) {
    return value.isBoolean() && value.booleanValue();
  }

  private static String textOf(JsonNode value) {
    return value.isTextual() ? value.textValue() : value.toString();
  }
}
