"""The safety rules that can be seen from outside, each as a judge of one look after another."""
