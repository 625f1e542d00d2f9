/* Translates standard input line by line with an artifact's SavedModel, through TensorFlow's C API.

       ./translate ARTIFACT OP_LIBRARY < source.txt > target.txt

   OP_LIBRARY is tensorflow_text's _sentencepiece_tokenizer.so. Exit status 2 on bad input. */

#include "common.h"

/* first, first + 1, ... */
static TF_Tensor *seeds(int32_t first, int64_t count) {
  TF_Tensor *tensor = TF_AllocateTensor(TF_INT32, &count, 1, count * sizeof(int32_t));
  int32_t *values = TF_TensorData(tensor);
  for (int64_t i = 0; i < count; i++) values[i] = first + (int32_t)i;
  return tensor;
}

int main(int argc, char **argv) {
  if (argc != 3) fail("usage", "translate ARTIFACT OP_LIBRARY < source.txt > target.txt");
  Model model = load_model(argv[1], argv[2]);
  TF_Output inputs[2] = {input(&model, "text")};
  int number = 1;
  if (has_input(&model, "seed")) inputs[number++] = input(&model, "seed"); /* it samples */
  TF_Output translation = output(&model, "text");

  Text lines[BATCH];
  int32_t first = 0; /* the number of the batch's first line, from 0 on, is its seed */
  for (int64_t count; (count = read_lines(lines)); first += count) {
    TF_Tensor *values_in[] = {strings(lines, count), seeds(first, count)}, *found = NULL;
    run(&model, inputs, values_in, number, &translation, &found, 1);
    /* (N,), or (N, K) of an artifact that gives the K best, the best first. */
    int64_t best = TF_NumDims(found) > 1 ? TF_Dim(found, 1) : 1;
    const TF_TString *values = TF_TensorData(found);
    for (int64_t i = 0; i < count; i++) {
      print_string(&values[i * best]);
      putchar('\n');
    }
    free_lines(lines, count);
    free_strings(values_in[0]);
    TF_DeleteTensor(values_in[1]);
    free_strings(found);
  }
  free_model(&model);
  return finish();
}
