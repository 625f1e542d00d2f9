/* Goes on with each line of standard input with an artifact's SavedModel, through TensorFlow's C
   API.

       ./generate ARTIFACT OP_LIBRARY MAX_NEW_TOKENS < prompts.txt > continuations.txt

   What it writes of a prompt is one line of JSON: a string. OP_LIBRARY is any of tensorflow_text's:
   see README.md. Exit status 2 on bad input. */

#include "common.h"

/* first, first + step, ... */
static TF_Tensor *integers(int32_t first, int32_t step, int64_t count) {
  TF_Tensor *tensor = TF_AllocateTensor(TF_INT32, &count, 1, count * sizeof(int32_t));
  int32_t *values = TF_TensorData(tensor);
  for (int64_t i = 0; i < count; i++) values[i] = first + step * (int32_t)i;
  return tensor;
}

/* A string of JSON: text may hold lines of its own. */
static void print_json(const TF_TString *value) {
  const char *text = TF_StringGetDataPointer(value);
  size_t size = TF_StringGetSize(value);
  putchar('"');
  for (size_t i = 0; i < size; i++) {
    unsigned char byte = text[i];
    if (byte == '"' || byte == '\\') printf("\\%c", byte);
    else if (byte < 0x20 || byte == 0x7f) printf("\\u%04x", byte);
    else putchar(byte);
  }
  puts("\"");
}

int main(int argc, char **argv) {
  char *end = NULL;
  long limit = argc == 4 ? strtol(argv[3], &end, 10) : 0;
  if (argc != 4 || *end || limit < 1 || limit > INT32_MAX)
    fail("usage", "generate ARTIFACT OP_LIBRARY MAX_NEW_TOKENS < prompts.txt");
  Model model = load_model(argv[1], argv[2]);
  TF_Output inputs[3] = {input(&model, "text"), input(&model, "max_new_tokens")};
  int number = 2;
  if (has_input(&model, "seed")) inputs[number++] = input(&model, "seed"); /* it samples */
  TF_Output continuation = output(&model, "text");

  Text lines[BATCH];
  int32_t first = 0; /* the number of the batch's first line, from 0 on, is its seed */
  for (int64_t count; (count = read_lines(lines)); first += count) {
    TF_Tensor *values_in[] = {strings(lines, count), integers((int32_t)limit, 0, count),
                              integers(first, 1, count)};
    TF_Tensor *found = NULL;
    run(&model, inputs, values_in, number, &continuation, &found, 1);
    /* (N,), or (N, K) of an artifact that gives the K best, the best first. */
    int64_t best = TF_NumDims(found) > 1 ? TF_Dim(found, 1) : 1;
    const TF_TString *values = TF_TensorData(found);
    for (int64_t i = 0; i < count; i++) print_json(&values[i * best]);
    free_lines(lines, count);
    free_strings(values_in[0]);
    TF_DeleteTensor(values_in[1]);
    TF_DeleteTensor(values_in[2]);
    free_strings(found);
  }
  free_model(&model);
  return finish();
}
